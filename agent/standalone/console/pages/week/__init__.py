"""The week's timetable: drawn and edited in the browser, kept by API v1's own endpoints for courses.

data            the timetable as one JSON object
page            the page around it, and its words
week.js         what is shown, and what becomes of a change; week_grid.js the arithmetic, week_pull.js dragging,
                week_dialog.js the form
"""
