"""The generated C in a web page: compiled to WebAssembly, with camera, images and boxes."""

from tinydet.targets.web.build import WebFolder, write_web_folder

__all__ = ["WebFolder", "write_web_folder"]
