"""``README.md`` of a trained model, with the front matter that model hubs read.

Facts of the run only: what it was trained on, what it reaches, what is known not to work, and how
it is used. Layout of the front matter: "Model cards" of the Hugging Face Hub.
"""

from tinydet.report.model_card.write import write_model_card

__all__ = ["write_model_card"]
