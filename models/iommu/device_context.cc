#include "pagoda/iommu/device_context.h"

namespace pagoda {
namespace {

constexpr std::uint64_t bits(unsigned high, unsigned low) { return low_mask(high + 1) & ~low_mask(low); }

constexpr std::uint64_t kReservedControl = bits(23, 12) | bits(63, 32);  // 31:24 are custom
constexpr std::uint64_t kReservedPointer = bits(59, 44);  // iosatp, pdtp, msiptp; iohgatp has GSCID there
constexpr std::uint64_t kReservedAttributes = bits(11, 0) | bits(39, 32);
constexpr std::uint64_t kQosIds = bits(63, 40);
constexpr std::uint64_t kReservedMsi = bits(63, 52);
constexpr std::uint64_t kReservedProcessAttributes = bits(11, 3) | bits(63, 32);
constexpr Addr kGuestRootAlignment = 16384;

using Formats = std::array<const PageFormat*, 3>;  // of the modes 8, 9 and 10

const PageFormat* of_mode(const Formats& formats, unsigned mode) {
  return mode >= 8 && mode < 8 + formats.size() ? formats[mode - 8] : nullptr;
}

bool custom_mode_allowed(unsigned mode) { return mode == 9 || mode == 10; }

// Bare or a mode that the capabilities list; 32-bit schemes are not supported.
bool first_stage_allowed(const IommuCapabilities& has, const DeviceContext& device, unsigned mode) {
  if (mode == 0) return true;
  if (device.first_stage_32bit()) return false;
  if (device.x86_first_stage()) return custom_mode_allowed(mode);
  return (mode == 8 && has.sv39()) || (mode == 9 && has.sv48()) || (mode == 10 && has.sv57());
}

bool second_stage_allowed(const IommuCapabilities& has, const DeviceContext& device, unsigned mode, bool is_32bit) {
  if (mode == 0) return true;
  if (is_32bit) return false;
  if (device.ept_second_stage()) return custom_mode_allowed(mode);
  return (mode == 8 && has.sv39x4()) || (mode == 9 && has.sv48x4()) || (mode == 10 && has.sv57x4());
}

bool process_directory_allowed(const IommuCapabilities& has, unsigned mode) {
  return mode == 0 || (mode == 1 && has.pd8()) || (mode == 2 && has.pd17()) || (mode == 3 && has.pd20());
}

}  // namespace

DeviceContext DeviceContext::of(std::span<const std::uint64_t> words) {
  DeviceContext context{.tc = words[0], .iohgatp = words[1], .ta = words[2], .fsc = words[3]};
  if (words.size() < 8) return context;
  context.msiptp = words[4];
  context.msi_addr_mask = words[5];
  context.msi_addr_pattern = words[6];
  context.reserved = words[7];
  return context;
}

bool DeviceContext::misconfigured(const IommuSetup& setup) const {
  const IommuCapabilities& has = setup.capabilities;
  const IommuFeatures& features = setup.features;
  const auto second = TablePointerField::of(iohgatp);
  const auto first = TablePointerField::of(fsc);
  const unsigned msi_mode = TablePointerField::of(msiptp).mode;

  const bool reserved_bits = (tc & kReservedControl) != 0 || (fsc & kReservedPointer) != 0 ||
                             (ta & (kReservedAttributes | (has.qosid() ? 0 : kQosIds))) != 0 ||
                             (msiptp & kReservedPointer) != 0 ||
                             ((msi_addr_mask | msi_addr_pattern) & kReservedMsi) != 0 || reserved != 0;
  const bool ats_rules = (!has.ats() && (ats() || page_requests() || pasid_in_responses())) ||
                         (!ats() && (returns_guest_addresses() || page_requests())) ||
                         (!page_requests() && pasid_in_responses()) ||
                         (returns_guest_addresses() && (!has.t2gpa() || second.mode == 0));
  const bool first_stage_rules = has_process_directory()
                                     ? !process_directory_allowed(has, first.mode)
                                     : default_process() || !first_stage_allowed(has, *this, first.mode);
  const Addr root_alignment = ept_second_stage() ? 1 : kGuestRootAlignment;
  const bool second_stage_rules = !second_stage_allowed(has, *this, second.mode, features.guest_32bit) ||
                                  (second.mode != 0 && second.table % root_alignment != 0);
  const bool update_rules = !has.amo_hwad() && (updates_first_stage() || updates_second_stage());
  const bool width_rules =
      features.guest_32bit ? !first_stage_32bit() : first_stage_32bit() && !features.guest_32bit_writable;
  const bool endian_rules =
      big_endian() != features.big_endian && (!has.both_endians() || !features.big_endian_writable);
  return reserved_bits || ats_rules || first_stage_rules || second_stage_rules || msi_mode > 1 || update_rules ||
         width_rules || endian_rules;
}

bool ProcessContext::misconfigured(const IommuSetup& setup, const DeviceContext& device) const {
  return (ta & kReservedProcessAttributes) != 0 || (fsc & kReservedPointer) != 0 ||
         !first_stage_allowed(setup.capabilities, device, TablePointerField::of(fsc).mode);
}

unsigned process_directory_levels(unsigned mode) { return mode <= 3 ? mode : 0; }

const PageFormat* first_stage_format(const DeviceContext& device, unsigned mode) {
  static const Formats riscv{find_page_format("sv39"), find_page_format("sv48"), find_page_format("sv57")};
  static const Formats x86{nullptr, find_page_format("x86-64-4"), find_page_format("x86-64-5")};
  return of_mode(device.x86_first_stage() ? x86 : riscv, mode);
}

const PageFormat* second_stage_format(const DeviceContext& device, unsigned mode) {
  static const Formats riscv{find_page_format("sv39x4"), find_page_format("sv48x4"), find_page_format("sv57x4")};
  static const Formats ept{nullptr, find_page_format("ept-4"), find_page_format("ept-5")};
  return of_mode(device.ept_second_stage() ? ept : riscv, mode);
}

}  // namespace pagoda
