// When a device interrupts, and how.
#include "pagoda/devices/interrupt_line.h"

#include <deque>
#include <functional>

#include <gtest/gtest.h>

#include "unit/devices/host_stub.h"

namespace pagoda::interrupt_line_test {

using testing::HostStub;

struct InterruptTest : ::testing::Test, DeviceServices {
  struct Event final : AgendaTask {
    void run(Ps at) override { line->event(at); }
    InterruptLine* line = nullptr;
  };

  void build(const InterruptConfig& config) {
    line.emplace(config, 3);
    line->attach(*this);
  }
  void events_at(std::initializer_list<Ps> times) {
    for (const Ps at : times) {
      events.emplace_back().line = &*line;
      agenda.add(at, events.back());
    }
    while (!agenda.empty()) agenda.run_next(0);
  }

  DmaChannel& channel() override { return dma; }
  Ps floor() const override { return 0; }
  void post(Ps at, AgendaTask& task) override { agenda.add(at, task); }
  void raise_interrupt(std::uint32_t vector, Ps at) override {
    EXPECT_EQ(vector, 3u);
    raised.push_back(at);
  }
  void finish(Ps /*at*/) override {}

  Agenda agenda;
  HostStub host;
  DmaChannel dma{DmaConfig{}, agenda, host};
  std::optional<InterruptLine> line;
  std::deque<Event> events;
  std::vector<Ps> raised;
};

TEST_F(InterruptTest, EveryEventInterruptsUnlessToldOtherwise) {
  build({});
  events_at({1'000, 2'000, 2'000, 9'000});
  EXPECT_EQ(raised, (std::vector<Ps>{1'000, 2'000, 2'000, 9'000}));
}

TEST_F(InterruptTest, SoManyEventsAreOneInterrupt) {
  build({.events = 3, .delay = {1'000'000}});
  events_at({1'000, 2'000, 3'000, 4'000, 5'000, 6'000});
  EXPECT_EQ(raised, (std::vector<Ps>{3'000, 6'000}));
}

TEST_F(InterruptTest, TheRestWaitsForTheDelayAfterTheFirstOfThem) {
  build({.events = 3, .delay = {10'000}});
  // The delay of the first interrupt's events runs out while later ones wait for theirs.
  events_at({1'000, 2'000, 3'000, 8'000, 9'000, 40'000});
  EXPECT_EQ(raised, (std::vector<Ps>{3'000, 18'000, 50'000}));
}

TEST_F(InterruptTest, AMessageIsAWriteOfFourBytesThatTheDeviceDoesNotTranslate) {
  build({});
  line->set_message(0xfee0'1000, 0x4321);
  events_at({5'000});
  ASSERT_EQ(host.accesses.size(), 1u);
  EXPECT_EQ(host.accesses[0].request.address, 0xfee0'1000u);
  EXPECT_EQ(host.accesses[0].request.bytes, 4u);
  EXPECT_TRUE(host.accesses[0].request.is_write());
  EXPECT_FALSE(host.accesses[0].request.info.translated);
  EXPECT_EQ(host.accesses[0].at, 5'000u);
  EXPECT_TRUE(raised.empty());
}

TEST_F(InterruptTest, EventsDuringAMessageAreToldByTheNextOne) {
  build({});
  line->set_message(0xfee0'1000, 1);
  events_at({0, 1'000, 2'000, 3'000});
  ASSERT_EQ(host.accesses.size(), 2u);
  EXPECT_EQ(host.accesses[1].at, HostStub::kAccess);
}

TEST_F(InterruptTest, AMessageThatCannotBeWrittenIsNoticed) {
  build({});
  host.hole = 0xfee01;
  line->set_message(0xfee0'1000, 1);
  events_at({0});
  EXPECT_TRUE(line->failed());
}

TEST_F(InterruptTest, CoalescingWithoutALimitOfTimeIsRefused) {
  EXPECT_ANY_THROW(validated(InterruptConfig{.events = 2}));
}

}  // namespace pagoda::interrupt_line_test
