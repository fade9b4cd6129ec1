"""Where each activation lies in the arena: buffers, planners, and a validator of its own."""

from tinydet.compiler.memory.buffers import Buffer as Buffer
from tinydet.compiler.memory.buffers import live_bytes as live_bytes
from tinydet.compiler.memory.plan import InputMode as InputMode
from tinydet.compiler.memory.plan import Plan as Plan
from tinydet.compiler.memory.plan import whole_tensor_peak_bytes as whole_tensor_peak_bytes
from tinydet.compiler.memory.planning import Objective as Objective
from tinydet.compiler.memory.planning import PlanRequest as PlanRequest
from tinydet.compiler.memory.planning import plan_memory as plan_memory
from tinydet.compiler.memory.planning import with_output_scratch as with_output_scratch
from tinydet.compiler.memory.record import plan_record as plan_record
