"""The console: pages for people. `site` says how a page is added.

site       what a page is
pages/     the pages
lessons    what became of lessons, for every page that shows some; spans: pieces of time
filters    which lessons and recordings a page shows; forms: the same as HTML
routes     the routes, made from the pages
frame      what stands around every page: head, menu
visit      one request of somebody who is signed in
do         the changes that people make: the work of API v1
sentences  what codes mean, in the page's language
door       first run, signing in and out
accounts   people and sessions in the database; passwords: their hashes
access     attempts, cookie, requests of other sites
player     the page that plays a recording
"""
