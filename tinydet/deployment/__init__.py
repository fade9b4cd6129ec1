"""An int8 model brought to a board or a page, and measured there: values in, results out.

The commands ``compile``, ``footprint``, ``benchmark`` and ``deploy`` and the last stages of a run
are made of these.
"""
