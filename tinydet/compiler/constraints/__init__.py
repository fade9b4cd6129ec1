"""What the compiler can translate."""

# In the order in which an op is held to them: types before numbers.
from tinydet.compiler.constraints import general as general  # isort: skip
from tinydet.compiler.constraints import weights as weights  # isort: skip
from tinydet.compiler.constraints import others as others  # isort: skip
from tinydet.compiler.constraints import scales as scales  # isort: skip
from tinydet.compiler.constraints.rule import CONSTRAINTS as CONSTRAINTS
from tinydet.compiler.constraints.rule import FOLDED_KINDS as FOLDED_KINDS
from tinydet.compiler.constraints.rule import Finding as Finding
from tinydet.compiler.constraints.rule import findings_of as findings_of
from tinydet.compiler.constraints.rule import grouped as grouped
from tinydet.compiler.constraints.rule import unknown_operator as unknown_operator
