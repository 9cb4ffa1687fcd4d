"""Where an exception came from, without its text: messages of exceptions may quote input."""

from __future__ import annotations

PLACES_MAX = 8


def places_of(fault: BaseException) -> list[str]:
    """The last eight places that the exception passed, outermost first, as `file.py:line function`."""
    places = []
    trace = fault.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-PLACES_MAX:]


def fault_at(fault: BaseException) -> str:
    """Those places in one text, innermost first."""
    return " < ".join(reversed(places_of(fault)))


def file_fault(fault: OSError) -> str:
    """What the machine says of a file, and of which. Only for files whose names are no secret."""
    why = fault.strerror or str(fault) or type(fault).__name__
    return f"{fault.filename}: {why}" if fault.filename else why


def fault_text(fault: BaseException) -> str:
    """An exception as operators are told of it: its type, and where it came from, innermost first."""
    return f"{type(fault).__name__} at {fault_at(fault)}"
