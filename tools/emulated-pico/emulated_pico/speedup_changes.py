"""Lines of the emulator's sources, and what they become in its fast build: (file, line, replacement).

All of them cost something for each instruction of the chip. What the chip does stays the same, to the cycle.
"""

CORE = "src/rp2040py/native/_cortex_m0_core"
BUS = "src/rp2040py/native/_rp2040"
LOOP = "src/rp2040py/native/_simulator"
DIVIDER = "src/rp2040py/sio.py"

# Methods may be replaced from Python, and so each call looks for that. Nobody replaces these.
NOT_REPLACED = "\ncimport cython\n@cython.final\ncdef class "

# Across modules nothing is inlined, and a memoryview is copied at each call. These stay in the module.
INLINE_INTEGERS = """
cdef inline unsigned int u32(long long n) noexcept:
    return <unsigned int> n
cdef inline int s32(long long n) noexcept:
    return <int> <unsigned int> n
"""
INLINE_MEMORY = """
cdef inline unsigned int u32(long long n) noexcept:
    return <unsigned int> n
cdef inline unsigned int read_uint16_le(const unsigned char[::1] buffer, Py_ssize_t offset) noexcept:
    return buffer[offset] | (buffer[offset + 1] << 8)
cdef inline unsigned int read_uint32_le(const unsigned char[::1] buffer, Py_ssize_t offset) noexcept:
    return read_uint16_le(buffer, offset) | (read_uint16_le(buffer, offset + 2) << 16)
cdef inline void write_uint16_le(unsigned char[::1] buffer, Py_ssize_t offset, unsigned int value) noexcept:
    buffer[offset] = value & 0xFF
    buffer[offset + 1] = (value >> 8) & 0xFF
cdef inline void write_uint32_le(unsigned char[::1] buffer, Py_ssize_t offset, unsigned int value) noexcept:
    write_uint16_le(buffer, offset, value)
    write_uint16_le(buffer, offset + 2, value >> 16)
"""

# With types, the condition of a branch is asked for without Python.
CONDITION = "    def check_condition(self, cond) -> bool:\n        cdef unsigned int c = <unsigned int> cond\n"
TYPED_CONDITION = "    cpdef bint check_condition(self, unsigned int c) noexcept"

# Nearly all instructions stand in the flash.
FETCH = "        opcode = self.rp2040.read_uint16(opcode_pc)\n"
FETCH_FROM_FLASH = """        if 0x10000000U <= opcode_pc < 0x11000000U:
            flash_offset = opcode_pc - 0x10000000U
            opcode = self.rp2040._flash[flash_offset] | (self.rp2040._flash[flash_offset + 1] << 8)
        else:
            opcode = self.rp2040.read_uint16(opcode_pc)
"""
FETCH_TYPES = "        cdef unsigned int opcode_pc, opcode, opcode2\n"

# Whether to stop stands in the chip, as a field of C.
STOPPED = """
class Simulator:
    stopped = property(lambda self: self.rp2040.stopped, lambda self, value: setattr(self.rp2040, "stopped", value))

"""

# The clock is only called when an alarm is due.
TICK = """            if tick_batch <= 1:
                clock.tick(delta_nanos)
"""
TICK_TO_ALARM = """            alarm = clock._next_alarm
            if alarm is None or alarm.nanos > clock._nanos_counter + delta_nanos:
                clock._nanos_counter += delta_nanos
            elif tick_batch <= 1:
                clock.tick(delta_nanos)
"""

# With types, the two PIOs are called without Python.
PIOS = """        for pio in pios:
            if not pio.stopped:
                pio.advance(cycles)
"""
TYPED_PIOS = """        if not pio0.stopped:
            pio0.advance(cycles)
        if not pio1.stopped:
            pio1.advance(cycles)
"""
DECLARED = """
    cdef ClockAlarm alarm
    cdef RPPIO pio0 = rp2040.pio[0]
    cdef RPPIO pio1 = rp2040.pio[1]
"""

# The divider's registers come last in long chains of comparisons.
READ = "    def read_uint32(self, offset: int) -> int | float:\n"
READ_DIVIDER = """        if DIV_QUOTIENT <= offset <= DIV_CSR:
            if offset == DIV_QUOTIENT:
                self.div_csr &= ~0b10
                return self.div_quotient
            return self.div_remainder if offset == DIV_REMAINDER else self.div_csr
"""
WRITE = "    def write_uint32(self, offset: int, value: int) -> None:\n"
WRITE_DIVIDER = """        if DIV_UDIVIDEND <= offset <= DIV_SDIVISOR:
            if offset & 4:
                self.div_divisor = value
            else:
                self.div_dividend = value
            self.update_hardware_divider(offset >= DIV_SDIVIDEND)
            return
"""

CHANGES = (
    # Python's stable interface is slow.
    ("setup.py", "\nUSE_LIMITED_API = (", "\nUSE_LIMITED_API = False and ("),
    (f"{BUS}.pxd", "\ncdef class RP2040:", f"{NOT_REPLACED}RP2040:"),
    (f"{BUS}.pyx", "\ncdef class RP2040:", f"{NOT_REPLACED}RP2040:"),
    (f"{CORE}.pxd", "\ncdef class CortexM0Core:", f"{NOT_REPLACED}CortexM0Core:"),
    (f"{CORE}.pyx", "\ncdef class CortexM0Core:", f"{NOT_REPLACED}CortexM0Core:"),
    (f"{CORE}.pyx", "\nfrom rp2040py.native._bit cimport s32, u32\n", INLINE_INTEGERS),
    (
        f"{BUS}.pyx",
        "\nfrom rp2040py.native._bit cimport read_uint16_le, read_uint32_le, u32, write_uint16_le, write_uint32_le\n",
        INLINE_MEMORY,
    ),
    (f"{BUS}.pxd", "unsigned char[:] _sram", "unsigned char[::1] _sram"),
    (f"{BUS}.pxd", "unsigned char[:] _flash", "unsigned char[::1] _flash"),
    (f"{BUS}.pxd", "unsigned char[:] _usb_dpram", "unsigned char[::1] _usb_dpram"),
    (f"{CORE}.pxd", "unsigned int[:] registers", "unsigned int[::1] registers"),
    (f"{CORE}.pyx", CONDITION, f"{TYPED_CONDITION}:\n"),
    (f"{CORE}.pxd", "    cpdef reset(self)\n", f"{TYPED_CONDITION}\n    cpdef reset(self)\n"),
    (f"{CORE}.pyx", FETCH, FETCH_FROM_FLASH),
    (f"{CORE}.pyx", FETCH_TYPES, FETCH_TYPES.replace("opcode2", "opcode2, flash_offset")),
    (f"{BUS}.pxd", "    cdef dict __dict__\n", "    cdef public bint stopped\n    cdef dict __dict__\n"),
    ("src/rp2040py/simulator.py", "\nclass Simulator:\n", STOPPED),
    (f"{LOOP}.pyx", "not simulator.stopped:", "not rp2040.stopped:"),
    (f"{LOOP}.pyx", "cimport SimulationClock\n", "cimport ClockAlarm, SimulationClock\n"),
    (f"{LOOP}.pyx", "\nimport time\n", "\nimport time\nfrom rp2040py.native._pio cimport RPPIO\n"),
    (f"{LOOP}.pyx", "\n    pios = rp2040.pio\n", DECLARED),
    (f"{LOOP}.pyx", TICK, TICK_TO_ALARM),
    (f"{LOOP}.pyx", PIOS, TYPED_PIOS),
    (DIVIDER, READ, READ + READ_DIVIDER),
    (DIVIDER, WRITE, WRITE + WRITE_DIVIDER),
)
