// The example is a test already: it is run with the others, so that it stays one.
import "../../examples/custom_store/sqlite_driver_test.ts";
