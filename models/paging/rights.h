// What the entries of one translation stage grant, in one byte: small enough to keep per stage in every TLB entry.
//
// The bits have the same meaning in all formats; what follows from them for an access (supervisor access to user
// pages, execute-only pages and the like) is decided by check() in page_entry.h, which knows each format's rules.
#pragma once

#include <cstdint>
#include <string>

namespace pagoda {

enum class Rights : std::uint8_t {
  none = 0,
  read = 1,
  write = 2,
  execute = 4,             ///< user mode may fetch; formats without the distinction set both execute bits alike
  execute_supervisor = 8,  ///< supervisor mode may fetch
  user = 16,               ///< user mode may access; always set for EPT and Arm stage 2, which have no such bit
  accessed = 32,           ///< nothing has to be recorded for a read (the format's flag is set, or it has none)
  dirty = 64,              ///< nothing has to be recorded for a write either
  global = 128             ///< the translation holds in every address space
};

constexpr Rights operator|(Rights a, Rights b) {
  return static_cast<Rights>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr Rights operator&(Rights a, Rights b) {
  return static_cast<Rights>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
constexpr Rights operator~(Rights a) { return static_cast<Rights>(~static_cast<unsigned>(a) & 0xffU); }
constexpr Rights& operator|=(Rights& a, Rights b) { return a = a | b; }
constexpr Rights& operator&=(Rights& a, Rights b) { return a = a & b; }

/// True if `granted` holds all of `wanted`.
constexpr bool has(Rights granted, Rights wanted) { return (granted & wanted) == wanted; }

/// `flag` if `condition`, for building rights out of an entry's bits.
constexpr Rights when(bool condition, Rights flag) { return condition ? flag : Rights::none; }

inline constexpr Rights kExecuteBoth = Rights::execute | Rights::execute_supervisor;
inline constexpr Rights kPermissions = Rights::read | Rights::write | kExecuteBoth | Rights::user;
inline constexpr Rights kFlags = Rights::accessed | Rights::dirty;

/// What a path of entries grants after one more entry: permissions narrow from level to level, a global table makes
/// all below it global, and accessed and dirty are those of the last entry.
constexpr Rights narrow(Rights path, Rights entry) {
  return (path & entry & kPermissions) | ((path | entry) & Rights::global) | (entry & kFlags);
}

/// Rights as text for messages and tables, a dash where one is missing: `rwxXuadg` (X: supervisor execute).
inline std::string to_string(Rights rights) {
  std::string text = "rwxXuadg";
  for (unsigned bit = 0; bit < text.size(); ++bit) {
    if ((static_cast<unsigned>(rights) >> bit & 1U) == 0) text[bit] = '-';
  }
  return text;
}

}  // namespace pagoda
