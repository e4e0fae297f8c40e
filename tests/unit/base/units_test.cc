#include "pagoda/base/units.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace pagoda::units_test {

TEST(Units, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_duration("15 ns").ps, 15'000u);
  EXPECT_EQ(parse_duration("13.75ns").ps, 13'750u);
  EXPECT_EQ(parse_duration("0").ps, 0u);
  EXPECT_EQ(parse_duration(" 1.5 us ").ps, 1'500'000u);
  EXPECT_EQ(parse_bytes("64 KiB").count, 65536u);
  EXPECT_EQ(parse_bytes("1 TiB").count, std::uint64_t{1} << 40);
  EXPECT_EQ(parse_bytes("0.5 KiB").count, 512u);
  EXPECT_EQ(parse_frequency("2.4 GHz").hz, 2'400'000'000u);
  EXPECT_EQ(parse_latency("4 cycles"), Latency::cycles(4));
  EXPECT_EQ(parse_latency("1 cycle"), Latency::cycles(1));
  EXPECT_EQ(parse_latency("2 ns"), Latency::time(2000));
  EXPECT_DOUBLE_EQ(parse_bandwidth("8 Gb/s").bytes_per_second, 1e9);
  EXPECT_DOUBLE_EQ(parse_energy("120 pJ").joules, 120e-12);
}

TEST(Units, RefusesWhatHasNoMeaning) {
  for (const char* text :
       {"", "15", "15 nanoseconds", "-1 ns", "ns", "1e400 ns", "nan ns", "inf s", "1 ns 2", "0.5 ps"}) {
    EXPECT_THROW(parse_duration(text), std::invalid_argument) << text;
  }
  for (const char* text : {"64", "64 KB", "64 kib", "-1 B", "1.5 B", "99999999 TiB"}) {
    EXPECT_THROW(parse_bytes(text), std::invalid_argument) << text;
  }
  EXPECT_THROW(parse_frequency("0 GHz"), std::invalid_argument);
  EXPECT_THROW(parse_latency("4"), std::invalid_argument);
  EXPECT_THROW(parse_latency("1.5 cycles"), std::invalid_argument);
}

TEST(Units, PrintsWhatItCanReadBack) {
  for (const Ps ps : {Ps{0}, Ps{1}, Ps{1500}, Ps{15'000}, kMicrosecond, 3 * kSecond}) {
    EXPECT_EQ(parse_duration(to_string(Duration{ps})).ps, ps);
  }
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1000}, std::uint64_t{1} << 34}) {
    EXPECT_EQ(parse_bytes(to_string(Bytes{n})).count, n);
  }
  EXPECT_EQ(to_string(Bytes{65536}), "64 KiB");
  EXPECT_EQ(to_string(Duration{15'000}), "15 ns");
  EXPECT_EQ(parse_frequency(to_string(Frequency{2'666'666'667})).hz, 2'666'666'667u);
  EXPECT_EQ(to_string(Latency::cycles(7)), "7 cycles");
  EXPECT_EQ(parse_energy(to_string(Energy{1.25e-9})), Energy{1.25e-9});
}

TEST(Units, PeriodsAreRoundedToPicoseconds) {
  EXPECT_EQ((Frequency{4'000'000'000}).period(), 250u);
  EXPECT_EQ((Frequency{3'000'000'000}).period(), 333u);
  EXPECT_EQ(Latency::cycles(4).at(250), 1000u);
  EXPECT_EQ(Latency::time(1234).at(250), 1234u);
}

TEST(Units, PrettyFiguresHaveThreeDigits) {
  EXPECT_EQ(pretty_duration(0), "0 s");
  EXPECT_EQ(pretty_duration(12.34e-9), "12.3 ns");
  EXPECT_EQ(pretty_duration(1.5e-3), "1.5 ms");
  EXPECT_EQ(pretty_duration(42), "42 s");
  EXPECT_EQ(pretty_count(999), "999");
  EXPECT_EQ(pretty_count(1'530'000), "1.53M");
}

}  // namespace pagoda::units_test
