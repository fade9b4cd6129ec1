"""The generated C in a web page: compiled to WebAssembly, with camera, images and boxes."""

from tinydet.targets.web.build import write_web_folder as write_web_folder
