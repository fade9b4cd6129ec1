"""Two command lines for the help of every command: the usual one, and one that shows more."""

EXAMPLES: dict[str, tuple[str, str]] = {
    "init": (
        "tinydet init my_images",
        "tinydet init my_images --output people.yaml --force",
    ),
    "run": (
        "tinydet run --config user_config.yaml hydra.run.dir=my_run",
        "tinydet run --resume my_run",
    ),
    "train": (
        "tinydet train my_images --input 192 --alpha 0.35",
        "tinydet train my_images --classes person,dog --epochs 60 training.batch_size=32",
    ),
    "tune": (
        "tinydet tune --config user_config.yaml --trials 20",
        "tinydet tune --config user_config.yaml --ram-limit 256K --output tuning",
    ),
    "quantize": (
        "tinydet quantize my_run/saved_models/best_model.keras --images my_images/images/train",
        "tinydet quantize best_model.keras --images photos --data my_images --report",
    ),
    "evaluate": (
        "tinydet evaluate my_run/quantized_models/quantized_model.tflite --data my_images",
        "tinydet evaluate person_192 person_256 --data my_images --iou 0.5",
    ),
    "predict": (
        "tinydet predict photo.jpg",
        "tinydet predict my_run/quantized_models/quantized_model.tflite film.mp4 --score 0.6",
    ),
    "compile": (
        "tinydet compile my_run --name person --output compiled",
        "tinydet compile person_192 --target cortex-m4 --ram-limit 128K",
    ),
    "footprint": (
        "tinydet footprint person_192",
        "tinydet footprint --alpha 0.35 --input 192 --classes 2",
    ),
    "benchmark": (
        "tinydet benchmark my_run --board STM32H747I-DISCO",
        "tinydet benchmark my_run --board STM32H747I-DISCO --via gdb://localhost:3333",
    ),
    "deploy": (
        "tinydet deploy my_run --board STM32H747I-DISCO",
        "tinydet deploy person_192 --target web --output page",
    ),
    "data check": (
        "tinydet data check my_images --output check",
        "tinydet data check my_images --split test --classes person",
    ),
    "data generate": (
        "tinydet data generate my_images --images 600",
        "tinydet data generate my_images --images 50 --seed 7",
    ),
    "data label": (
        "tinydet data label photos --model person_192",
        "tinydet data label photos --model person_192 --output draft",
    ),
    "data view": (
        "tinydet data view my_images",
        "tinydet data view my_images --model person_192 --split val",
    ),
    "data pack": (
        "tinydet data pack my_images images.zip",
        "tinydet data pack my_images images.zip --side 256 --classes person",
    ),
    "report": (
        "tinydet report my_run",
        "tinydet report evaluation",
    ),
    "open": (
        "tinydet open my_run",
        "tinydet open demo/run",
    ),
    "demo": (
        "tinydet demo",
        "tinydet demo --output first_try",
    ),
    "doctor": (
        "tinydet doctor",
        "tinydet doctor --json",
    ),
}
