"""What is found beside Seatrial, one file each: another Python, another processor, a browser.

Some engines and converters cannot stand in one environment with the others. Each such tool says where it is
looked for, what of it is there, and the shell lines that get it; nothing here installs anything by itself.
"""

from seatrial.tools._tool import Found, Tool, all_tools, environment, find, how_to_get, require, side_folder

__all__ = ["Found", "Tool", "all_tools", "environment", "find", "how_to_get", "require", "side_folder"]
