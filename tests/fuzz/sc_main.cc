// SystemC's library wants one; libFuzzer has the main program.
extern "C" int sc_main(int /*argc*/, char** /*argv*/) { return 0; }
