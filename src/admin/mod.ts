/**
 * Administration of sessions over their store, whether a broker runs or not.
 *
 * {@linkcode sessionAdmin} looks at sessions, explains what became of them, and changes them. {@linkcode exportSessions} and
 * {@linkcode importSessions} move them between stores. {@linkcode doctor} looks a store through, and repairs it.
 *
 * @example
 * ```ts
 * import { sessionAdmin } from "@edge-mqtt/session/admin";
 * import { memoryStore } from "@edge-mqtt/session/memory";
 *
 * const admin = sessionAdmin(memoryStore());
 * const { sessions, cursor } = await admin.list({ attached: false, minimumQueued: 100 });
 * console.assert(sessions.length === 0 && cursor === undefined);
 * ```
 *
 * @module
 */
export { sessionAdmin } from "./session_admin.ts";
export type { SessionAdmin, SessionAdminOptions } from "./session_admin.ts";
export type {
  AdminSubscription,
  ChangeOutcome,
  ConnectedAdministration,
  PurgeResult,
} from "../store/administration.ts";
export { systemAdminEnvironment } from "./environment.ts";
export type { AdminEnvironment } from "./environment.ts";
export type { ChangeOptions } from "./session_change.ts";
export type { PurgeOptions } from "./queue_purge.ts";
export type { ListQuery, SessionFilter } from "./listing.ts";
export type {
  InspectedDeadlines,
  InspectedExchange,
  InspectedSubscription,
  InspectedWill,
  InspectOptions,
  SessionInspection,
} from "./inspection.ts";
export type { ExplainedEnd, ExplainedOwner, SessionExplanation } from "./explanation.ts";
export { exportResumePoint, exportSessions } from "./export.ts";
export type { ExportCounts, ExportOptions, ExportResumePoint } from "./export.ts";
export { importSessions } from "./import.ts";
export type { ImportEvent, ImportOptions } from "./import.ts";
export { doctor } from "./doctor.ts";
export type { DoctorOptions } from "./doctor.ts";
export type { Finding, FindingKind } from "../store/maintenance.ts";
