#include "unit/paging/oracle.h"

#include <fmt/format.h>

namespace pagoda::test {
namespace {

bool b(std::uint64_t value, int n) { return (value >> n & 1) != 0; }
std::uint64_t bits(std::uint64_t value, int high, int low) {
  return (value >> low) & ((high - low == 63) ? ~0ULL : (1ULL << (high - low + 1)) - 1);
}

class Oracle {
 public:
  Oracle(const std::vector<Stage>& stages, const OracleRequest& request, const EntryMemory& memory)
      : stages_(stages), request_(request), memory_(memory) {}

  OracleResult run() {
    const std::optional<Addr> output = translate(0, request_.address, request_.access, '-');
    result_.done = output.has_value();
    result_.output = output.value_or(0);
    return result_;
  }

 private:
  // `table`: '-' for the program's access, else 'r' or 'w' for an access to an earlier stage's entry.
  std::optional<Addr> translate(unsigned s, Addr address, char access, char table) {
    if (s == stages_.size()) return address;
    const Stage& stage = stages_[s];
    if (stage.format == nullptr) return translate(s + 1, address, access, table);
    const std::string name(stage.format->name());
    std::optional<Addr> output;
    if (name.starts_with("sv")) {
      output = riscv(s, name, address, access, table);
    } else if (name.starts_with("ept")) {
      output = ept(s, name == "ept-5" ? 5 : 4, address, access, table);
    } else if (name.starts_with("armv8")) {
      output = arm(s, name, address, access, table);
    } else {
      output = x86(s, name == "x86-64-5" ? 5 : 4, address, access, table);
    }
    if (!output) return {};
    return translate(s + 1, *output, access, table);
  }

  std::optional<Addr> fail(unsigned s, const char* what, Addr address, char table) {
    result_.fault_stage = s;
    result_.fault = what;
    result_.implicit = table != '-';
    result_.implicit_write = table == 'w';
    result_.stage_address = address;
    return {};
  }

  std::uint64_t* fetch_entry(unsigned s, unsigned level, Addr entry, Addr& where) {
    const std::optional<Addr> at = translate(s + 1, entry, 'r', 'r');
    if (!at) return nullptr;
    where = *at;
    if (!quiet_) ++result_.reads;
    return &memory_(*at, s, level);
  }

  bool write_entry(unsigned s, unsigned level, Addr entry, Addr where, std::uint64_t value) {
    const bool was_quiet = quiet_;
    quiet_ = true;
    const std::optional<Addr> at = translate(s + 1, entry, 'w', 'w');
    quiet_ = was_quiet;
    if (!at) return false;
    std::uint64_t& word = memory_(where, s, level);
    result_.updates.push_back(fmt::format("{}:{}:{:x}:{:x}>{:x}", s, level, where, word, value));
    word = value;
    return true;
  }

  void size(unsigned s, unsigned shift, char table) {
    if (table == '-') sizes_.resize(stages_.size(), 63), sizes_[s] = shift;
    result_.page_shift = 63;
    for (const unsigned each : sizes_) result_.page_shift = std::min(result_.page_shift, each);
  }

  // Privileged Architecture, "Virtual Address Translation Process", steps 1 to 9, and the hypervisor chapter.
  std::optional<Addr> riscv(unsigned s, const std::string& name, Addr va, char access, char table) {
    const RiscvControls& c = stages_[s].controls.riscv;
    const bool x4 = name.ends_with("x4");
    const bool second = x4 || s > 0;
    const int levels = name.starts_with("sv39") ? 3 : name.starts_with("sv48") ? 4 : 5;
    const int va_bits = 12 + 9 * levels + (x4 ? 2 : 0);
    const auto fault = [&] { return fail(s, "page", va, table); };
    if (x4) {
      if (bits(va, 63, va_bits) != 0) return fault();
    } else {
      const std::uint64_t top = bits(va, 63, va_bits - 1);
      if (top != 0 && top != bits(~0ULL, 63, va_bits - 1)) return fault();
    }
    const bool user = second || request_.user;
    Addr a = stages_[s].root;
    for (int i = levels - 1; i >= 0; --i) {
      const int width = 9 + (x4 && i == levels - 1 ? 2 : 0);
      const Addr entry = a + bits(va, 12 + 9 * i + width - 1, 12 + 9 * i) * 8;
      Addr where = 0;
      std::uint64_t* pte = fetch_entry(s, static_cast<unsigned>(i), entry, where);
      if (pte == nullptr) return {};
      const std::uint64_t p = *pte;
      const bool v = b(p, 0), r = b(p, 1), w = b(p, 2), x = b(p, 3), u = b(p, 4);
      if (!v || (!r && w) || bits(p, 58, 54) != 0) return fault();
      if (!c.svrsw60t59b && bits(p, 60, 59) != 0) return fault();
      if (!c.pbmte && bits(p, 62, 61) != 0) return fault();
      if (!c.svnapot && b(p, 63)) return fault();
      const Addr ppn = bits(p, 53, 10);
      if (!r && !x) {
        if (b(p, 4) || b(p, 6) || b(p, 7) || bits(p, 62, 61) != 0 || b(p, 63) || i == 0) return fault();
        a = ppn << 12;
        continue;
      }
      if (bits(p, 62, 61) == 3) return fault();
      const bool napot = b(p, 63);
      if (napot && (i != 0 || bits(ppn, 3, 0) != 8)) return fault();
      if (i > 0 && bits(ppn, 9 * i - 1, 0) != 0) return fault();
      if (user ? !u : (u && (access == 'x' || !c.sum))) return fault();
      const bool explicit_load = access == 'r' && table == '-';
      const bool readable = explicit_load && request_.hlvx ? x : r || (explicit_load && c.mxr && x);
      if (access == 'r' ? !readable : access == 'w' ? !w : !x) return fault();
      const std::uint64_t want = p | 1ULL << 6 | (access == 'w' ? 1ULL << 7 : 0);
      if (want != p) {
        if (!c.adue) return fault();
        if (!write_entry(s, static_cast<unsigned>(i), entry, where, want)) return {};
      }
      const int shift = napot ? 16 : 12 + 9 * i;
      size(s, static_cast<unsigned>(shift), table);
      if (s == 0) user_linear_ = u;
      const Addr base = (napot ? ppn & ~15ULL : ppn) << 12;
      return base | bits(va, shift - 1, 0);
    }
    return fault();
  }

  // SDM vol. 3A 4.5 to 4.8.
  std::optional<Addr> x86(unsigned s, int levels, Addr va, char access, char table) {
    const StageControls& c = stages_[s].controls;
    const std::uint64_t top = bits(va, 63, 12 + 9 * levels - 1);
    if (top != 0 && top != bits(~0ULL, 63, 12 + 9 * levels - 1)) return fail(s, "canonical", va, table);
    // AMD APM vol. 2, 15.25: user accesses; guest table walks count as writes.
    if (s > 0 && table != '-') access = 'w';
    const bool user = s > 0 || request_.user;
    bool all_user = true, all_write = true, any_nx = false;
    Addr a = stages_[s].root;
    for (int i = levels - 1; i >= 0; --i) {
      const Addr entry = a + bits(va, 12 + 9 * i + 8, 12 + 9 * i) * 8;
      Addr where = 0;
      std::uint64_t* pte = fetch_entry(s, static_cast<unsigned>(i), entry, where);
      if (pte == nullptr) return {};
      const std::uint64_t p = *pte;
      if (!b(p, 0)) return fail(s, "not-present", va, table);
      const bool leaf = i == 0 || b(p, 7);
      bool reserved = bits(p, 51, c.physical_bits) != 0 || (b(p, 63) && !c.x86.nxe);
      if (i >= 3 && b(p, 7)) reserved = true;
      if (leaf && i == 1 && bits(p, 20, 13) != 0) reserved = true;
      if (leaf && i == 2 && bits(p, 29, 13) != 0) reserved = true;
      if (reserved) return fail(s, "reserved", va, table);
      all_user = all_user && b(p, 2);
      all_write = all_write && b(p, 1);
      any_nx = any_nx || b(p, 63);
      const Addr frame = p & 0x000f'ffff'ffff'f000;
      if (!leaf) {
        if (!b(p, 5) && !write_entry(s, static_cast<unsigned>(i), entry, where, p | 1U << 5)) return {};
        a = frame;
        continue;
      }
      if (!x86_allows(s, access, user, all_user, all_write, any_nx)) {
        // Where A is set although the access is refused is a choice (PageFormat::accessed_if_refused).
        if (i == 2 && !b(p, 5) && !write_entry(s, 2, entry, where, p | 1U << 5)) return {};
        return fail(s, "permission", va, table);
      }
      const std::uint64_t want = p | 1U << 5 | (access == 'w' ? 1U << 6 : 0);
      if (want != p && !write_entry(s, static_cast<unsigned>(i), entry, where, want)) return {};
      const int shift = 12 + 9 * i;
      size(s, static_cast<unsigned>(shift), table);
      if (s == 0) user_linear_ = all_user;
      return bits(frame, 51, shift) << shift | bits(va, shift - 1, 0);
    }
    return {};
  }

  bool x86_allows(unsigned s, char access, bool user, bool all_user, bool all_write, bool any_nx) const {
    const X86Controls& c = stages_[s].controls.x86;
    if (user) return all_user && (access != 'w' || all_write) && (access != 'x' || !any_nx);
    if (access == 'x') return !any_nx && !(all_user && c.smep);
    if (all_user && c.smap && !request_.ac) return false;
    return access == 'r' || !c.wp || all_write;
  }

  // SDM vol. 3C, EPT translation, misconfigurations and violations, A and D for EPT.
  std::optional<Addr> ept(unsigned s, int levels, Addr gpa, char access, char table) {
    const StageControls& c = stages_[s].controls;
    if (bits(gpa, 63, 12 + 9 * levels) != 0) return fail(s, "violation", gpa, table);
    if (table != '-' && c.ept.accessed_dirty) access = 'w';
    bool all_r = true, all_w = true, all_x = true, all_xu = true;
    Addr a = stages_[s].root;
    for (int i = levels - 1; i >= 0; --i) {
      const Addr entry = a + bits(gpa, 12 + 9 * i + 8, 12 + 9 * i) * 8;
      Addr where = 0;
      std::uint64_t* pte = fetch_entry(s, static_cast<unsigned>(i), entry, where);
      if (pte == nullptr) return {};
      const std::uint64_t p = *pte;
      const bool mbec = c.ept.mode_based_execute;
      if (bits(p, 2, 0) == 0 && !(mbec && b(p, 10))) return fail(s, "violation", gpa, table);
      const bool leaf = i == 0 || (i <= 2 && b(p, 7));
      bool bad = !b(p, 0) && b(p, 1);
      bad = bad || (!b(p, 0) && !c.ept.execute_only && (b(p, 2) || (mbec && b(p, 10))));
      bad = bad || bits(p, 51, c.physical_bits) != 0;
      if (!leaf) bad = bad || bits(p, i >= 3 ? 7 : 6, 3) != 0;
      if (leaf && i > 0) bad = bad || bits(p, 12 + 9 * i - 1, 12) != 0;
      const std::uint64_t type = bits(p, 5, 3);
      if (leaf) bad = bad || type == 2 || type == 3 || type == 7;
      if (bad) return fail(s, "misconfig", gpa, table);
      all_r = all_r && b(p, 0);
      all_w = all_w && b(p, 1);
      all_x = all_x && b(p, 2);
      all_xu = all_xu && b(p, 10);
      const Addr frame = p & 0x000f'ffff'ffff'f000;
      const std::uint64_t accessed = c.ept.accessed_dirty ? 1U << 8 : 0;
      if (!leaf) {
        if ((p | accessed) != p && !write_entry(s, static_cast<unsigned>(i), entry, where, p | accessed)) return {};
        a = frame;
        continue;
      }
      const bool execute = mbec && user_linear_ ? all_xu : all_x;
      if (!(access == 'r' ? all_r : access == 'w' ? all_w : execute)) return fail(s, "violation", gpa, table);
      const std::uint64_t want = p | accessed | (accessed != 0 && access == 'w' ? 1U << 9 : 0);
      if (want != p && !write_entry(s, static_cast<unsigned>(i), entry, where, want)) return {};
      const int shift = 12 + 9 * i;
      size(s, static_cast<unsigned>(shift), table);
      return bits(frame, 51, shift) << shift | bits(gpa, shift - 1, 0);
    }
    return {};
  }

  // Arm ARM D8.2 to D8.5, 4 KiB granule. Names: armv8-s1[-N], armv8-s2[-N[-lL]].
  std::optional<Addr> arm(unsigned s, const std::string& name, Addr va, char access, char table) {
    const StageControls& c = stages_[s].controls;
    const bool second = name[7] == '2';
    const int n = name.size() > 8 ? std::stoi(name.substr(9, 2)) : 48;
    int level = n >= 40 ? 0 : n >= 31 ? 1 : 2;
    if (name.size() > 11) level = name.back() - '0';
    Addr a = stages_[s].root;
    if (bits(va, 63, n) != 0) {
      if (second || bits(va, 63, n) != bits(~0ULL, 63, n)) return fail(s, "translation", va, table);
      a = stages_[s].upper_root;
    }
    bool ap_no_el0 = false, ap_read_only = false, uxn = false, pxn = false;
    for (bool first = true;; first = false, ++level) {
      const int shift = 12 + 9 * (3 - level);
      const int width = first ? n - shift : 9;
      const Addr entry = a + bits(va, shift + width - 1, shift) * 8;
      const auto their_level = static_cast<unsigned>(3 - level);
      Addr where = 0;
      std::uint64_t* descriptor = fetch_entry(s, their_level, entry, where);
      if (descriptor == nullptr) return {};
      const std::uint64_t d = *descriptor;
      const bool is_table = level < 3 && b(d, 1);
      if (!b(d, 0) || (level == 3 && !b(d, 1)) || (level == 0 && !b(d, 1))) return fail(s, "translation", va, table);
      if (c.physical_bits < 48 && bits(d, 47, c.physical_bits) != 0) return fail(s, "address-size", va, table);
      a = d & 0x0000'ffff'ffff'f000;
      if (is_table) {
        if (second || c.arm.hpd) continue;
        pxn = pxn || b(d, 59);
        uxn = uxn || b(d, 60);
        ap_no_el0 = ap_no_el0 || b(d, 61);
        ap_read_only = ap_read_only || b(d, 62);
        continue;
      }
      if (!b(d, 10) && !c.arm.ha) return fail(s, "access-flag", va, table);
      const bool clean = c.arm.hd && b(d, 51);
      bool allowed = false;
      if (second) {
        const bool executes = bits(d, 54, 53) == 0 || bits(d, 54, 53) == (request_.user ? 1U : 3U);
        allowed = access == 'r' ? b(d, 6) : access == 'w' ? b(d, 7) || clean : executes;
      } else {
        const bool el0 = b(d, 6) && !ap_no_el0;
        const bool writable = (!b(d, 7) || clean) && !ap_read_only;
        allowed = arm_stage1_allows(c.arm, access, el0, writable, uxn || b(d, 54), pxn || b(d, 53));
        if (s == 0) user_linear_ = el0;
      }
      if (!allowed) return fail(s, "permission", va, table);
      std::uint64_t want = d | 1U << 10;
      if (access == 'w' && clean) want = second ? want | 1U << 7 : want & ~(1ULL << 7);
      if (want != d && !write_entry(s, their_level, entry, where, want)) return {};
      const int span = shift + (b(d, 52) ? 4 : 0);
      size(s, static_cast<unsigned>(span), table);
      return bits(a, 47, span) << span | bits(va, span - 1, 0);
    }
  }

  bool arm_stage1_allows(const ArmControls& c, char access, bool el0, bool writable, bool uxn, bool pxn) const {
    if (request_.user) {
      if (access == 'x') return !uxn && !(c.wxn && el0 && writable);
      return el0 && (access == 'r' || writable);
    }
    if (access == 'x') return !pxn && !(el0 && writable) && !(c.wxn && writable);
    if (c.pan && (el0 || (c.epan && !uxn))) return false;
    return access == 'r' || writable;
  }

  const std::vector<Stage>& stages_;
  OracleRequest request_;
  const EntryMemory& memory_;
  OracleResult result_;
  std::vector<unsigned> sizes_;
  bool quiet_ = false;       // reads made to get write permission do not count
  bool user_linear_ = true;  // with paging off every linear address is a user-mode one
};

}  // namespace

OracleResult oracle_translate(const std::vector<Stage>& stages, const OracleRequest& request,
                              const EntryMemory& memory) {
  return Oracle(stages, request, memory).run();
}

}  // namespace pagoda::test
