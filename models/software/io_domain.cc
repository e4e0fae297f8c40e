#include "pagoda/software/io_domain.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

constexpr unsigned kFirstTableMode = 8;  // MODE of three levels in iosatp and iohgatp; 9 and 10 for more
constexpr unsigned kThreeLevels = 3;

Rights rights_for(DmaDirection direction) {
  const Rights read = Rights::read | Rights::user | kFlags;
  return direction == DmaDirection::to_device ? read : read | Rights::write;
}

std::uint64_t root_bytes(const PageFormat& format) { return std::max<std::uint64_t>(4096, format.root_bytes()); }

}  // namespace

Stage IoDomain::make_stage(const PageFormat& format, ByteStore& store, FrameSource& frames) {
  const std::optional<Addr> root = PageTableEditor::make_root(format, store, frames);
  if (!root) throw UserError(fmt::format("there is no memory left for a {} table of a device", format.name()));
  return {.format = &format, .root = *root};
}

IoDomain::IoDomain(const IoDriverConfig& config, Kind kind, const Stage& stage, std::uint32_t id, AddressSpace* space,
                   const IoGuest* guest, ByteStore& store, FrameSource& frames)
    : mapping(config.mapping),
      kind_(kind),
      stage_(stage),
      id_(id),
      space_(space),
      guest_(guest != nullptr ? std::optional(*guest) : std::nullopt),
      store_(store),
      frames_(frames),
      root_bytes_(root_bytes(*stage.format)),
      largest_shift_(static_cast<unsigned>(std::countr_zero(config.largest_page.count))),
      editor_(kind == Kind::shared ? nullptr : std::make_unique<PageTableEditor>(stage_, store_, frames_)),
      iovas_(config.iova_base, config.iova_base + config.iova_window.count) {}

bool IoDomain::is_second_stage() const {
  return stage_.format->family == Family::ept || stage_.format->family == Family::riscv_guest;
}

bool IoDomain::is_x86() const { return stage_.format->family == Family::ept || stage_.format->family == Family::x86; }

std::uint64_t IoDomain::table_pointer() const {
  const std::uint64_t mode = stage_.format->levels + kFirstTableMode - kThreeLevels;
  return mode << 60 | (is_second_stage() ? std::uint64_t{id_} << 44 : 0) | stage_.root >> kPageShift;
}

unsigned IoDomain::page_shift_for(Addr address, std::uint64_t bytes) const {
  for (const unsigned shift : kPageShifts) {
    if (shift <= largest_shift_ && ((address | bytes) & low_mask(shift)) == 0) return shift;
  }
  return kPageShift;
}

template <class Output>
std::optional<IoDomain::Buffer> IoDomain::map_pages(std::uint64_t bytes, unsigned page_shift, DmaDirection direction,
                                                    Output output_of) {
  const std::optional<Addr> range = iovas_.allocate(bytes, page_shift);
  if (!range) return std::nullopt;
  const Buffer buffer{.iova = *range, .bytes = bytes, .page_shift = page_shift};
  for (std::uint64_t page = 0; page < buffer.pages(); ++page) {
    const EditStatus status =
        editor_->map(*range + (page << page_shift),
                     {.output = output_of(page), .page_shift = page_shift, .rights = rights_for(direction)});
    if (status == EditStatus::ok) continue;
    while (page-- > 0) static_cast<void>(editor_->unmap(*range + (page << page_shift), page_shift));
    recycle(buffer);
    return std::nullopt;
  }
  buffers_[*range] = buffer;
  return buffer;
}

std::optional<IoDomain::Buffer> IoDomain::map(Addr address, std::uint64_t bytes, DmaDirection direction) {
  if (bytes == 0 || kind_ != Kind::own) return std::nullopt;
  const Addr first = address & ~low_mask(kPageShift);
  const std::uint64_t length = (address + bytes + low_mask(kPageShift) - first) & ~low_mask(kPageShift);
  const unsigned shift = page_shift_for(first, length);
  return map_pages(length, shift, direction, [=](std::uint64_t page) { return first + (page << shift); });
}

std::optional<IoDomain::Buffer> IoDomain::map(std::span<const Addr> pages, DmaDirection direction) {
  if (pages.empty() || kind_ != Kind::own) return std::nullopt;
  return map_pages(pages.size() << kPageShift, kPageShift, direction, [=](std::uint64_t page) { return pages[page]; });
}

const IoDomain::Buffer* IoDomain::find(Addr iova) const {
  const auto found = buffers_.find(iova & ~low_mask(kPageShift));
  return found == buffers_.end() ? nullptr : &found->second;
}

IoDomain::Buffer IoDomain::remove(Addr iova) {
  const auto found = buffers_.find(iova & ~low_mask(kPageShift));
  if (found == buffers_.end()) throw std::logic_error("a buffer is unmapped that is not mapped");
  const Buffer buffer = found->second;
  buffers_.erase(found);
  for (std::uint64_t page = 0; page < buffer.pages(); ++page) {
    static_cast<void>(editor_->unmap(buffer.iova + (page << buffer.page_shift), buffer.page_shift));
  }
  return buffer;
}

std::optional<Addr> IoDomain::kept(Addr address, std::uint64_t bytes) const {
  auto found = kept_.upper_bound(address);
  if (found == kept_.begin()) return std::nullopt;
  --found;
  const std::uint64_t offset = address - found->first;
  if (bytes == 0 || offset >= found->second.bytes || found->second.bytes - offset < bytes) return std::nullopt;
  return found->second.iova + offset;
}

bool IoDomain::denied_within(Addr first, unsigned page_shift) const {
  const auto found = denied.lower_bound(first);
  return found != denied.end() && found->first - first <= low_mask(page_shift);
}

// What a copy's entry is to say; nothing if there is to be none.
std::optional<Mapping> IoDomain::mirrored(Addr address, unsigned page_shift) const {
  const std::optional<MappedPage> source = space_->editor().find(address);
  if (!source) return std::nullopt;
  const auto found = denied.find(address);
  const DmaPolicy policy = found == denied.end() ? DmaPolicy{} : found->second;
  if (policy.deny || policy.deny_read || policy.copy_on_read) return std::nullopt;
  Rights rights = source->rights | kFlags;
  if (policy.deny_write) rights &= ~Rights::write;
  return Mapping{.output = source->output + (address - source->input),
                 .page_shift = page_shift,
                 .rights = rights,
                 .memory_type = source->memory_type};
}

IoDomain::Update IoDomain::mirror(Addr address) {
  const std::optional<MappedPage> source = space_->editor().find(address);
  unsigned shift = source && !denied_within(source->input, source->page_shift) ? source->page_shift : kPageShift;
  std::optional<MappedPage> own = editor_->find(address);
  if (own && own->page_shift < shift) shift = own->page_shift;  // pieces stay pieces
  const Addr page = address & ~low_mask(shift);
  while (own && own->page_shift > shift) {
    if (editor_->split(page) != EditStatus::ok) throw UserError("there is no memory left for a device's tables");
    own = editor_->find(page);
  }
  const std::optional<Mapping> wanted = mirrored(page, shift);
  Update update{.page_shift = shift};
  const auto permissions = [](Rights rights) { return rights & kPermissions; };
  const bool same_page = own && wanted && own->output == wanted->output;
  if (same_page && permissions(own->rights) == permissions(wanted->rights)) return update;
  update.changed = own || wanted;
  update.withdrawn = own && !(same_page && has(wanted->rights, permissions(own->rights)));
  if (own) static_cast<void>(editor_->unmap(page, shift));
  if (wanted) {
    EditStatus status = editor_->map(page, *wanted);
    if (status == EditStatus::already_mapped) {  // pieces lie there
      update.page_shift = kPageShift;
      const Addr piece = address & ~low_mask(kPageShift);
      status = editor_->map(piece, mirrored(piece, kPageShift).value_or(*wanted));
    }
    if (status != EditStatus::ok) throw UserError("there is no memory left for a device's tables");
  }
  update.withdrawn = update.withdrawn || frames_.any_resting();
  return update;
}

bool isolate(IoDomain& domain, Addr address, Addr first, std::uint64_t bytes) {
  while (const std::optional<MappedPage> page = domain.editor().find(address)) {
    const std::uint64_t size = std::uint64_t{1} << page->page_shift;
    const bool one_entry = (page->page_shift - kPageShift) % kIndexBits == 0;
    const Addr offset = page->input - first;
    if (one_entry && page->input >= first && size <= bytes && offset <= bytes - size) return true;
    const bool split = domain.kind() == IoDomain::Kind::shared ? domain.space()->split(address)
                                                               : domain.editor().split(address) == EditStatus::ok;
    if (!split) return false;
  }
  return false;
}

}  // namespace pagoda
