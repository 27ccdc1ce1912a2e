import { dirname, join } from "node:path";

/** The file in the user's own data folder, by the habits of the system. */
export function defaultDataFile(): string {
  return join(dataFolder(), "edge-mqtt", "sessions.db");
}

function dataFolder(): string {
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? ".";
  switch (Deno.build.os) {
    case "windows":
      return Deno.env.get("APPDATA") ?? join(home, "AppData", "Roaming");
    case "darwin":
      return join(home, "Library", "Application Support");
    default:
      return Deno.env.get("XDG_DATA_HOME") || join(home, ".local", "share");
  }
}

/** Makes the folder of a file, readable by its owner alone: sessions hold messages. */
export function makeFolderOf(file: string): void {
  Deno.mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
}
