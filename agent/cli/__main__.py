"""`python -m agent.cli`: the same as `gather-agent`."""

import sys

from agent.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
