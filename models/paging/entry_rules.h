// Internal to paging: the questions of page_entry.h that a walk asks for every entry, inline, so that the walk's loop
// is one piece of code. page_entry.cc offers the same to everybody else.
#pragma once

#include "pagoda/paging/family_armv8.h"
#include "pagoda/paging/family_ept.h"
#include "pagoda/paging/family_riscv.h"
#include "pagoda/paging/family_x86.h"

namespace pagoda::rules {

[[gnu::always_inline]] inline Entry decode(const PageFormat& format, const StageControls& controls, unsigned level,
                                           std::uint64_t value) {
  switch (format.family) {
    case Family::x86: return x86::decode(format, controls, level, value);
    case Family::ept: return ept::decode(format, controls, level, value);
    case Family::riscv:
    case Family::riscv_guest: return riscv::decode(format, controls.riscv, level, value);
    case Family::armv8_stage1:
    case Family::armv8_stage2: return armv8::decode(format, controls, level, value);
  }
  return {};
}

inline FaultCause check(const PageFormat& format, const StageControls& controls, Rights granted,
                        const StageAccess& access) {
  switch (format.family) {
    case Family::x86: return x86::check(controls.x86, granted, access);
    case Family::ept: return ept::check(controls.ept, granted, access);
    case Family::riscv:
    case Family::riscv_guest: return riscv::check(format, controls.riscv, granted, access);
    case Family::armv8_stage1: return armv8::check_stage1(controls.arm, granted, access);
    case Family::armv8_stage2: return armv8::check_stage2(granted, access);
  }
  return FaultCause::permission;
}

inline bool hardware_sets(const PageFormat& format, const StageControls& controls, Rights missing) {
  switch (format.family) {
    case Family::x86:
    case Family::ept: return true;
    case Family::riscv:
    case Family::riscv_guest: return controls.riscv.adue;
    case Family::armv8_stage1:
    case Family::armv8_stage2:
      return (!has(missing, Rights::accessed) || controls.arm.ha) && (!has(missing, Rights::dirty) || controls.arm.hd);
  }
  return false;
}

/// Whether a clear accessed flag is a fault that comes before the permission check.
inline bool access_flag_first(const PageFormat& format) {
  return format.family == Family::armv8_stage1 || format.family == Family::armv8_stage2;
}

/// Whether every access to a table entry of an earlier stage counts as a write: EPT with accessed and dirty flags, and
/// x86-64 tables as AMD's nested paging uses them.
inline bool table_reads_are_writes(const PageFormat& format, const StageControls& controls) {
  return format.family == Family::x86 || (format.family == Family::ept && controls.ept.accessed_dirty);
}

inline std::uint64_t with_flags(const PageFormat& format, std::uint64_t value, Rights flags) {
  switch (format.family) {
    case Family::x86: return x86::with_flags(value, flags);
    case Family::ept: return ept::with_flags(value, flags);
    case Family::riscv:
    case Family::riscv_guest: return riscv::with_flags(value, flags);
    case Family::armv8_stage1:
    case Family::armv8_stage2: return armv8::with_flags(format, value, flags);
  }
  return value;
}

}  // namespace pagoda::rules
