/**
 * For tests: of a store of your own, and of what is built on one.
 *
 * @module
 */
export { fakeClock } from "./fake_clock.ts";
export type { FakeClock } from "./fake_clock.ts";
export { countingStore, observedStore } from "./observed_store.ts";
export type { CountingStore } from "./observed_store.ts";
export type { InterceptedCall } from "./intercept.ts";
export { random } from "./random.ts";
export type { Random } from "./random.ts";
export { scheduler } from "./scheduler.ts";
export type { ScheduledTask, Scheduler, SchedulerOptions } from "./scheduler.ts";
export { faultyStore } from "./faulty_store.ts";
export type { Fault, FaultRule, FaultyStore } from "./faulty_store.ts";
export { mapDriver } from "./map_driver.ts";
export type { MapDriver, MapDriverOptions } from "./map_driver.ts";
export { plantFault } from "./plant_fault.ts";
export type { PlantedFault } from "./plant_fault.ts";
export { storeConformance } from "./store_conformance.ts";
export type { StoreConformanceOptions } from "./store_conformance.ts";
export type { StoreUnderTest } from "./conformance/kit.ts";
export { retainedConformance } from "./retained_conformance.ts";
export type { RetainedConformanceOptions } from "./retained_conformance.ts";
export type { RetainedUnderTest } from "./conformance/retained_kit.ts";
export { compareStores } from "./compare_stores.ts";
export type { CompareStoresOptions } from "./compare_stores.ts";
export { EXPLORED_SCENARIOS, exploreStore } from "./explore.ts";
export type { ExploredWorld, ExploreOptions, ExploreReport } from "./explore.ts";
export type { Gate } from "./exploration/actor.ts";
export type { ExploredStore } from "./exploration/world.ts";
export { driverRows } from "./driver_rows.ts";
