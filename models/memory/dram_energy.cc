#include "pagoda/memory/dram_energy.h"

namespace pagoda {

DramOperationEnergy::DramOperationEnergy(const DramConfig& config, const DramClocks& clocks) {
  const auto seconds = [&clocks](Clock count) { return to_seconds(clocks.time_of(count)); };
  const std::uint32_t devices = config.organisation.bus_width / config.organisation.device_width;
  const double banks = config.organisation.bank_groups * config.organisation.banks;
  const double row_cycle = seconds(clocks.rc);
  const double row_active = seconds(clocks.ras);
  for (const DramRail* rail : {&config.power.core, &config.power.boost, &config.power.io}) {
    const double watts_per_ma = rail->volts * devices * 1e-3;
    const double open_bank_ma = (rail->idd3n_ma - rail->idd2n_ma) / banks;
    activate.joules += watts_per_ma * (rail->idd0_ma * row_cycle - (rail->idd2n_ma + open_bank_ma) * row_active -
                                       rail->idd2n_ma * (row_cycle - row_active));
    read_burst.joules += watts_per_ma * (rail->idd4r_ma - rail->idd3n_ma) * seconds(clocks.burst);
    write_burst.joules += watts_per_ma * (rail->idd4w_ma - rail->idd3n_ma) * seconds(clocks.burst);
    refresh.joules += watts_per_ma * (rail->idd5b_ma - rail->idd2n_ma) * seconds(clocks.rfc);
    standby_watts += watts_per_ma * rail->idd2n_ma;
    open_bank_watts += watts_per_ma * open_bank_ma;
  }
  const auto replace = [](Energy& energy, Energy given) {
    if (given.joules != 0) energy = given;
  };
  replace(activate, config.power.activate);
  replace(read_burst, config.power.read_burst);
  replace(write_burst, config.power.write_burst);
  replace(refresh, config.power.refresh);
}

DramEnergy dram_energy(const DramOperationEnergy& operation, const DramActivity& activity) {
  const auto times = [](std::uint64_t count, Energy each) { return Energy{static_cast<double>(count) * each.joules}; };
  return {.activate = times(activity.counters.activates(), operation.activate),
          .read = times(activity.counters.read_bursts + activity.counters.transfers, operation.read_burst),
          .write = times(activity.counters.write_bursts, operation.write_burst),
          .refresh = times(activity.refreshes, operation.refresh),
          .background = {operation.standby_watts * activity.rank_seconds +
                         operation.open_bank_watts * activity.open_bank_seconds}};
}

}  // namespace pagoda
