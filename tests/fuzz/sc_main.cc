// SystemC's library wants one; a fuzzer starts no simulation.
extern "C" int sc_main(int /*argc*/, char** /*argv*/) { return 0; }
