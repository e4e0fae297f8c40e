// A coherent adapter's registers, contexts and translation: what software can do wrong, and what may happen meanwhile.
#include "pagoda/devices/capi_adapter.h"

#include "support/capi_bench.h"

namespace pagoda::capi_adapter_test {

using testing::CapiBench;
using testing::Initiator;
using testing::SpaceBench;

constexpr Addr kFrame = 0x10'0000;
constexpr Addr kPages = 0x4000'0000;   // effective
constexpr Addr kQueues = 0x7000'0000;  // effective
constexpr Ps kStart = kMicrosecond;    // queues have been opened

/// Maps pages when the adapter asks for them.
struct Pager final : CapiFaultHandler {
  std::function<void(const Fault&, Ps)> map;  // none: refuses
  Ps takes = 5 * kMicrosecond;
  std::vector<std::pair<Addr, Ps>> asked;

  Answer adapter_fault(std::uint16_t /*context*/, const Fault& fault, Ps at) override {
    asked.emplace_back(fault.virtual_address, at);
    if (map) map(fault, at);
    return {.resolved = map != nullptr, .resume = at + takes};
  }
};

class CapiSpaceBench : public CapiBench {
 public:
  /// A context of software with page tables; its queues are mapped.
  CapiContext* open_space(std::uint32_t asid) {
    spaces.push_back(std::make_unique<SpaceBench>(bytes, frames, asid));
    const Addr queues = *frames.allocate(kPage);
    spaces.back()->map(kQueues, queues);
    return volume->open({.space = spaces.back()->context(), .queues = {kQueues, queues}, .faults = &pager});
  }
  SpaceBench& space(std::size_t i = 0) { return *spaces[i]; }

  Pager pager;
  std::vector<std::unique_ptr<SpaceBench>> spaces;
};

TEST_F(CapiSpaceBench, AMissIsAWalkOverTheLinkAndAHitIsNone) {
  build();
  CapiContext* context = open_space(1);
  start();
  space().map(kPages, kFrame);
  put(0, 6);
  const MoveResult first = context->move(in(0, kPages), kStart);
  EXPECT_TRUE(holds(kFrame, 6));
  // Four table entries for the queues' page, four for the data's. Of the latter, the last line waits from its issue on.
  constexpr Ps kWalk = 4 * read_time(8);
  EXPECT_EQ(first.time.translation, 2 * kWalk - 31 * kLine);
  const Ps later = first.done;
  const MoveResult second = context->move(in(0, kPages), later);
  EXPECT_EQ(second.time.translation, 0u);
  EXPECT_EQ(first.done - kStart, second.done - later + 2 * kWalk);
  check(first);
  EXPECT_EQ(stat("adapter.translation.walker.walks"), 2);
  EXPECT_EQ(stat("adapter.translation.tlb.misses"), stat("adapter.translation.tlb.merged") + 2);
}

TEST_F(CapiSpaceBench, APageFaultInMidTransferIsToldOfAndTheTransferGoesOn) {
  build();
  CapiContext* context = open_space(1);
  start();
  space().map(kPages, kFrame);
  pager.map = [this](const Fault&, Ps) { space().map(kPages + kPage, kFrame + 8 * kPage); };
  put(0, 6);
  const MoveResult result = context->move(in(0, kPages + kPage / 2), kStart);  // half a page in each of two
  EXPECT_TRUE(result.ok());
  check(result);
  ASSERT_EQ(pager.asked.size(), 1u);
  EXPECT_EQ(pager.asked[0].first, kPages + kPage);
  EXPECT_GE(result.time.translation, kReport + pager.takes);
  EXPECT_GT(result.done, pager.asked[0].second + pager.takes);
  std::memmove(bytes.data(kFrame + 16 * kPage), bytes.data(kFrame + kPage / 2), kPage / 2);
  std::memmove(bytes.data(kFrame + 16 * kPage + kPage / 2), bytes.data(kFrame + 8 * kPage), kPage / 2);
  EXPECT_TRUE(holds(kFrame + 16 * kPage, 6));
  EXPECT_EQ(stat("adapter.faults"), 1);
}

TEST_F(CapiSpaceBench, AFaultThatSoftwareRefusesFailsTheOrder) {
  build();
  CapiContext* context = open_space(1);
  start();
  const MoveResult result = context->move(in(0, kPages), kStart);
  EXPECT_EQ(result.status, MoveStatus::memory_fault);
  check(result);
  EXPECT_EQ(pager.asked.size(), 1u);
  pager.map = [](const Fault&, Ps) {};  // says so, and does nothing
  EXPECT_EQ(context->move(out(0, kPages), result.done).status, MoveStatus::memory_fault);
  EXPECT_EQ(pager.asked.size(), 1u + 3) << "it is asked so often and no more";
}

TEST_F(CapiSpaceBench, AReadOnlyPageTakesNoData) {
  build();
  CapiContext* context = open_space(1);
  start();
  space().map(kPages, kFrame, false);
  fill(kFrame, 3);
  const MoveResult moved_out = context->move(out(0, kPages), kStart);
  EXPECT_TRUE(moved_out.ok()) << "reading it is allowed";
  EXPECT_EQ(context->move(in(1, kPages), moved_out.done).status, MoveStatus::memory_fault);
  EXPECT_TRUE(holds(kFrame, 3));
}

TEST_F(CapiSpaceBench, AnInvalidationWaitsForTheLinesUnderWay) {
  build();
  CapiContext* context = open_space(1);
  start();
  space().map(kPages, kFrame);
  put(0, 6);
  const MoveResult warm = context->move(in(0, kPages), kStart);
  const MoveResult result = context->move(in(0, kPages), warm.done);
  const Ps last_line = result.done - write_time(16) - write_time(8);
  const TlbInvalidation page{.address = kPages, .asid = 1, .vmid = 0};
  EXPECT_EQ(adapter->invalidate({.address = kPages + kPage, .asid = 1, .vmid = 0}, last_line - 1000), last_line - 1000)
      << "another page";
  EXPECT_EQ(adapter->invalidate({.address = kPages, .asid = 2, .vmid = 0}, last_line - 1000), last_line - 1000)
      << "another process";
  EXPECT_EQ(adapter->invalidate(page, last_line - 1000), last_line);
  EXPECT_EQ(adapter->invalidate(page, last_line + 7), last_line + 7);
}

TEST_F(CapiSpaceBench, AfterAnInvalidationTheAdapterAsksTheTablesAnew) {
  build();
  CapiContext* context = open_space(1);
  start();
  space().map(kPages, kFrame);
  fill(kFrame, 1);
  put(0, 6);
  Ps at = context->move(out(1, kPages), kStart).done;
  space().unmap(kPages);
  space().map(kPages, kFrame + kPage);
  fill(kFrame + kPage, 2);
  at = context->move(out(2, kPages), at).done;
  EXPECT_TRUE(stored(2, 1)) << "until then it may use what it knows";
  at = adapter->invalidate({.address = kPages, .asid = 1, .vmid = 0}, at);
  at = context->move(in(0, kPages), at).done;
  EXPECT_TRUE(holds(kFrame, 1)) << "the old frame is out of reach";
  EXPECT_TRUE(holds(kFrame + kPage, 6));
}

// Software that is asked for a page takes one that the same transfer has used: its lines are waited for.
TEST_F(CapiSpaceBench, AnInvalidationInTheMidstOfATransferRacesNothing) {
  build();
  CapiContext* context = open_space(1);
  start();
  space().map(kPages, kFrame);
  put(0, 6);
  Ps asked = 0, released = 0;
  pager.map = [&](const Fault&, Ps at) {
    asked = at;
    space().unmap(kPages);
    released = adapter->invalidate({.address = kPages, .asid = 1, .vmid = 0}, at);
    pager.takes = released - at + kMicrosecond;
    space().map(kPages + kPage, kFrame + 8 * kPage);
  };
  const MoveResult result = context->move(in(0, kPages + kPage / 2), kStart);
  EXPECT_TRUE(result.ok());
  EXPECT_GE(released, asked);
  EXPECT_GT(result.done, released);
  pager.map = nullptr;
  const MoveResult next = context->move(out(3, kPages), result.done);
  EXPECT_EQ(next.status, MoveStatus::memory_fault) << "nothing is known of the page any more";
}

TEST_F(CapiSpaceBench, ContextsReachTheirOwnMemoryOnly) {
  build();
  CapiContext* first = open_space(1);
  CapiContext* second = open_space(2);
  start();
  space(0).map(kPages, kFrame);
  space(1).map(kPages, kFrame + kPage);
  space(0).map(kPages + kPage, kFrame + 2 * kPage);
  fill(kFrame, 1);
  fill(kFrame + kPage, 2);
  put(5, 5);
  const Ps at = std::max(first->move(out(0, kPages), kStart).done, second->move(out(1, kPages), kStart).done);
  EXPECT_TRUE(stored(0, 1));
  EXPECT_TRUE(stored(1, 2));
  EXPECT_EQ(first->move(out(2, kPages + kPage), at).status, MoveStatus::ok);
  EXPECT_EQ(second->move(in(5, kPages + kPage), at).status, MoveStatus::memory_fault)
      << "what another space maps there does not count, also if its translation is known";
  ASSERT_EQ(pager.asked.size(), 1u);
}

TEST_F(CapiSpaceBench, ADetachedContextLeavesNothingToTheNext) {
  build();
  struct Owner final : CapiOwner {
    void completed(const CapiCompletion& /*completion*/) override {}
    Answer adapter_fault(std::uint16_t /*context*/, const Fault& /*fault*/, Ps at) override { return {false, at}; }
  } owner;
  SpaceBench tables(bytes, frames, 9);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(adapter->attach(tables.context(), Privilege::user, owner), i);
  EXPECT_FALSE(adapter->attach(tables.context(), Privilege::user, owner));
  start();
  adapter->detach(2);
  EXPECT_EQ(adapter->attach(tables.context(), Privilege::user, owner), 2);
  EXPECT_EQ(adapter->room(2, 0), 0u) << "its queues are not open";
}

// --- registers, as somebody who does not use the library finds them ---

class CapiRegisters : public CapiBench {
 public:
  struct Owner final : CapiOwner {
    std::vector<CapiCompletion> all;
    void completed(const CapiCompletion& completion) override { all.push_back(completion); }
    Answer adapter_fault(std::uint16_t /*context*/, const Fault& /*fault*/, Ps at) override { return {false, at}; }
  };
  static constexpr Addr kCommands = 0x2'0000;
  static constexpr Addr kResponses = 0x3'0000;
  static constexpr Addr kArea = 0x4'0000;

  void build_raw() {
    adapter = std::make_unique<CapiAdapter>("adapter", adapter_config());
    adapter->memory.bind(link.from_device);
    link.to_device.bind(adapter->control);
    link.to_root.bind(memory.port);
    host.out.bind(link.from_root);
    EXPECT_EQ(adapter->attach({}, Privilege::user, owner), 0);
    start();
  }
  tlm::tlm_response_status write(Addr offset, std::uint64_t value, unsigned length = 8) {
    std::vector<unsigned char> data(length);
    std::memcpy(data.data(), &value, length);
    return host.ask({.address = offset, .kind = AccessKind::write, .length = length, .data = data}).status;
  }
  std::uint64_t read(Addr offset) {
    const auto reply = host.ask({.address = offset, .read_back = true});
    EXPECT_TRUE(reply.ok());
    std::uint64_t value = 0;
    std::memcpy(&value, reply.data.data(), sizeof value);
    return value;
  }
  void open(std::uint64_t entries) {
    write(0x28, kResponses);
    write(0x30, kResponses + (entries - 1) * 8);
    write(0x50, kCommands);
    write(0x58, kCommands + (entries - 1) * 64);
  }
  void put_command(std::uint64_t index, const CapiCommand& command) {
    std::array<unsigned char, 64> record;
    command.encode(record);
    std::memcpy(bytes.data(kCommands + index * 64), record.data(), record.size());
  }
  bool reported(CapiError error) { return (read(0x08) >> static_cast<unsigned>(error) & 1) != 0; }
  static CapiCommand command(CapiOpcode opcode, std::uint64_t block) {
    return {.context = 0,
            .opcode = static_cast<std::uint8_t>(opcode),
            .data = kFrame,
            .blocks = 1,
            .first_block = block,
            .status_area = kArea};
  }

  Initiator host{"host"};
  Owner owner;
};

TEST_F(CapiRegisters, AreThoseOfContextsThatSomebodyHas) {
  build_raw();
  EXPECT_EQ(write(0x28, 0), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(write(0x1028, 0), tlm::TLM_ADDRESS_ERROR_RESPONSE) << "nobody has context 1";
  EXPECT_EQ(write(0x5028, 0), tlm::TLM_ADDRESS_ERROR_RESPONSE) << "there are four";
  EXPECT_EQ(write(0x40, 0), tlm::TLM_ADDRESS_ERROR_RESPONSE) << "no such register";
  EXPECT_EQ(write(0x28, 0, 4), tlm::TLM_BURST_ERROR_RESPONSE);
  EXPECT_EQ(write(0x24, 0), tlm::TLM_BURST_ERROR_RESPONSE);
}

TEST_F(CapiRegisters, TellOfQueuesAndRoom) {
  build_raw();
  open(8);
  EXPECT_EQ(read(0x38), 7u);
  EXPECT_EQ(read(0x50), kCommands);
  EXPECT_EQ(read(0x58), kCommands + 7 * 64);
  put_command(0, command(CapiOpcode::read, 3));
  write(0x68, kCommands + 64);
  EXPECT_EQ(read(0x60), kCommands + 64);
  ASSERT_EQ(owner.all.size(), 1u);
  EXPECT_EQ(owner.all[0].time.total(), owner.all[0].done - owner.all[0].rung);
  EXPECT_EQ(owner.all[0].status_area, kArea);
  EXPECT_EQ(bytes.read64(kResponses), kArea | 1) << "with the toggle bit of the first round";
  EXPECT_EQ(read(0x38), 6u) << "it is under way";
  EXPECT_EQ(adapter->room(0, owner.all[0].done), 7u);
  EXPECT_EQ(adapter->room_at(0, 0), 0u);
}

TEST_F(CapiRegisters, MistakesAreReportedAndStopNobody) {
  build_raw();
  write(0x68, kCommands);
  EXPECT_TRUE(reported(CapiError::bad_tail)) << "a doorbell without queues";
  write(0x10, ~std::uint64_t{0});
  EXPECT_EQ(read(0x08), 0u);
  write(0x28, kResponses);
  write(0x30, kResponses - 8);
  EXPECT_TRUE(reported(CapiError::bad_queue));
  write(0x28, kResponses + 3);
  write(0x30, kResponses + 11);
  write(0x10, ~std::uint64_t{0});
  open(4);
  write(0x68, kCommands + 4 * 64);
  EXPECT_TRUE(reported(CapiError::bad_tail)) << "behind the queue";
  write(0x68, kCommands + 32);
  EXPECT_TRUE(owner.all.empty());
  put_command(0, command(CapiOpcode::read, 3));
  write(0x68, kCommands + 64);
  ASSERT_EQ(owner.all.size(), 1u);
  EXPECT_EQ(owner.all[0].status, CapiStatus::success);
}

TEST_F(CapiRegisters, MoreCommandsThanThereIsRoomForAreNotTaken) {
  build_raw();
  open(4);
  for (std::uint64_t i = 0; i < 4; ++i) put_command(i, command(CapiOpcode::read, i));
  write(0x68, kCommands + 3 * 64);
  EXPECT_EQ(owner.all.size(), 3u);
  write(0x68, kCommands);
  EXPECT_TRUE(reported(CapiError::no_room));
  EXPECT_EQ(owner.all.size(), 3u);
  EXPECT_EQ(read(0x60), kCommands + 3 * 64) << "where to go on";
}

TEST_F(CapiRegisters, CommandsThatMakeNoSenseEndWithTheirStatus) {
  build_raw();
  open(16);
  CapiCommand wrong_context = command(CapiOpcode::read, 0);
  wrong_context.context = 1;
  CapiCommand misaligned = command(CapiOpcode::read, 0);
  misaligned.data += 8;
  CapiCommand nothing = command(CapiOpcode::read, 0);
  nothing.blocks = 0;
  CapiCommand too_much = command(CapiOpcode::write, 0);
  too_much.blocks = 1000;
  CapiCommand nowhere = command(CapiOpcode::write, 0);
  nowhere.data = 0x7000'0000;
  CapiCommand unknown = command(CapiOpcode::read, 0);
  unknown.opcode = 77;
  const std::vector<std::pair<CapiCommand, CapiStatus>> cases{
      {wrong_context, CapiStatus::invalid_field},
      {misaligned, CapiStatus::invalid_field},
      {nothing, CapiStatus::invalid_field},
      {too_much, CapiStatus::invalid_field},
      {nowhere, CapiStatus::data_fault},
      {unknown, CapiStatus::invalid_opcode},
      {command(CapiOpcode::write, 256), CapiStatus::out_of_range}};
  for (std::size_t i = 0; i < cases.size(); ++i) put_command(i, cases[i].first);
  write(0x68, kCommands + cases.size() * 64);
  ASSERT_EQ(owner.all.size(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(owner.all[i].status, cases[i].second) << i;
  EXPECT_EQ(stat("adapter.failed"), static_cast<double>(cases.size()));
}

TEST_F(CapiRegisters, QueuesOutOfReachAreReported) {
  build_raw();
  write(0x28, kResponses);
  write(0x30, kResponses + 24);
  write(0x50, 0x7000'0000);
  write(0x58, 0x7000'0000 + 3 * 64);
  write(0x68, 0x7000'0000 + 64);
  EXPECT_TRUE(reported(CapiError::command_fault));
  write(0x70, 1);
  EXPECT_EQ(read(0x38), 0u) << "closed";
  write(0x28, 0x7000'0000);
  write(0x30, 0x7000'0000 + 24);
  write(0x50, kCommands);
  write(0x58, kCommands + 3 * 64);
  CapiCommand lost = command(CapiOpcode::read, 0);
  lost.status_area = 0x7000'0000;
  put_command(0, lost);
  write(0x68, kCommands + 64);
  EXPECT_TRUE(reported(CapiError::status_fault));
  EXPECT_TRUE(reported(CapiError::response_fault));
}

TEST(CapiConfig, ImpossibleAdaptersAreRefused) {
  EXPECT_ANY_THROW(validated(CapiAdapterConfig{.contexts = 0}));
  EXPECT_ANY_THROW(validated(CapiAdapterConfig{.line = {96}}));
  CapiAdapterConfig elsewhere;
  elsewhere.translation.walker.place = WalkerPlace::memory;
  EXPECT_ANY_THROW(validated(elsewhere));
  EXPECT_ANY_THROW(validated(CapiVolumeConfig{.timeout = {1}}));
  EXPECT_ANY_THROW(validated(CapiVolumeConfig{.queue_entries = 47}));
  EXPECT_NO_THROW(validated(CapiAdapterConfig{}));
}

}  // namespace pagoda::capi_adapter_test
