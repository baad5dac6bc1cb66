//! C functions that uops call.
