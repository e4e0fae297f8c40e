#include "pagoda/software/io_driver_config.h"

#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {
namespace {

constexpr std::uint32_t kMostEntries = 1 << 17;  // in the 2 MiB of memory that are allocated in one run

std::optional<ConfigProblem> queue_problem(const char* field, std::uint32_t entries) {
  if (std::has_single_bit(entries)) return std::nullopt;
  return ConfigProblem{field, fmt::format("{} is no power of two", entries), "allowed: 2, 4, 8 ..."};
}

}  // namespace

const ConfigInfo& IoCosts::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<IoCosts>("driver costs", "What the steps of an IOMMU's driver take its processor.")
          .field("map", &IoCosts::map, "a range of I/O addresses for a buffer")
          .field("map_page", &IoCosts::map_page, "mapping one page")
          .field("unmap", &IoCosts::unmap, "finding a buffer's range and giving it back")
          .field("unmap_page", &IoCosts::unmap_page, "unmapping one page")
          .field("pool", &IoCosts::pool, "taking or returning a buffer that stays mapped")
          .field("edit_page", &IoCosts::edit_page, "changing the fields of a mapped page's entry")
          .field("command", &IoCosts::command, "writing a command into memory")
          .field("register_access", &IoCosts::register_access,
                 "a register of the IOMMU, without the time of IOMMU and bus",
                 in_range(Duration{1000}, Duration{kMillisecond}))
          .field("poll", &IoCosts::poll, "time between two looks for the completion of commands",
                 in_range(Duration{1000}, Duration{kMillisecond}))
          .field("interrupt", &IoCosts::interrupt, "from an interrupt to its handler")
          .field("record", &IoCosts::record, "reading a fault or page request from its queue")
          .field("page_fault", &IoCosts::page_fault, "mapping a page that a device asks for, without clearing it")
          .field("clearing", &IoCosts::clearing, "rate at which new pages are cleared",
                 in_range(Bandwidth{1e6}, Bandwidth{1e12}))
          .field("copying", &IoCosts::copying, "rate at which pages are copied",
                 in_range(Bandwidth{1e6}, Bandwidth{1e12}));
  return info;
}

const ConfigInfo& IoQueues::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<IoQueues>("IOMMU queues", "Entries of the queues between an IOMMU and its driver.")
          .field("commands", &IoQueues::commands, "of the command queue", in_range(2u, kMostEntries))
          .field("faults", &IoQueues::faults, "of the fault queue", in_range(2u, kMostEntries / 2))
          .field("page_requests", &IoQueues::page_requests, "of the page-request queue", in_range(2u, kMostEntries))
          .check([](const IoQueues& c) { return queue_problem("commands", c.commands); })
          .check([](const IoQueues& c) { return queue_problem("faults", c.faults); })
          .check([](const IoQueues& c) { return queue_problem("page_requests", c.page_requests); });
  return info;
}

const ConfigInfo& IoFlushConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<IoFlushConfig>("flush queue", "When a batch of unmapped buffers is invalidated.")
          .field("entries", &IoFlushConfig::entries, "buffers at most", in_range(1u, 1u << 20))
          .field("timeout", &IoFlushConfig::timeout, "time at most that a buffer waits",
                 in_range(Duration{kNanosecond}, Duration{10 * kSecond}));
  return info;
}

const ConfigInfo& IoDriverConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<IoDriverConfig>("IOMMU driver", "The software that programs an IOMMU and gives memory to devices.")
          .field("register_base", &IoDriverConfig::register_base, "address of the IOMMU's registers")
          .field("requester", &IoDriverConfig::requester, "processor that accesses them")
          .field("device_id_bits", &IoDriverConfig::device_id_bits,
                 "width of device ids that the directory has to hold; 0: what the attached devices need",
                 in_range(0u, 24u))
          .field("queues", &IoDriverConfig::queues, "queues in memory")
          .field("completion", &IoDriverConfig::completion,
                 "commands' completion is polled in memory or told by an interrupt")
          .field("queue_poll", &IoDriverConfig::queue_poll,
                 "time between two looks into a queue of records whose interrupt is not connected",
                 in_range(Duration{kNanosecond}, Duration{kSecond}))
          .field("mapping", &IoDriverConfig::mapping, "when devices must not reach a buffer any more, by default")
          .field("flush", &IoDriverConfig::flush, "batches of unmapped buffers")
          .field("invalidate_all", &IoDriverConfig::invalidate_all,
                 "from so many bytes on, all of an address space is invalidated at once")
          .field("largest_page", &IoDriverConfig::largest_page, "largest page to map buffers with")
          .field("iova_base", &IoDriverConfig::iova_base, "first I/O address handed out")
          .field("iova_window", &IoDriverConfig::iova_window, "I/O addresses that are handed out",
                 in_range(Bytes{1 << 20}, Bytes{std::uint64_t{1} << 37}))
          .field("dma_control", &IoDriverConfig::dma_control,
                 "fields of entries that control DMA, as the IOMMU has them")
          .field("copies", &IoDriverConfig::copies, "pages at most that devices read copies of", in_range(0u, 1u << 24))
          .field("costs", &IoDriverConfig::costs, "what its steps take")
          .check([](const IoDriverConfig& c) -> std::optional<ConfigProblem> {
            const std::uint64_t size = c.largest_page.count;
            if (size == std::uint64_t{1} << 12 || size == std::uint64_t{1} << 21 || size == std::uint64_t{1} << 30) {
              return std::nullopt;
            }
            return ConfigProblem{"largest_page", to_string(c.largest_page) + " is not supported",
                                 "allowed: 4 KiB, 2 MiB, 1 GiB"};
          })
          .check([](const IoDriverConfig& c) -> std::optional<ConfigProblem> {
            if (c.iova_base % 4096 == 0 && c.iova_base < std::uint64_t{1} << 37) return std::nullopt;
            return ConfigProblem{"iova_base", "is no page of what every format translates",
                                 "allowed: a multiple of 4096 below 2^37"};
          });
  return info;
}

}  // namespace pagoda
