import sys

from folai.cli import main

sys.exit(main())
