/**
 * What Deno Deploy gives a program beyond Deno: a database that needs no name, and minutes that pass.
 *
 * @module
 */
const { openKv } = Deno;

/** The jobs run at once, and once. */
const cron = async (name: string, schedule: string, job: () => void | Promise<void>): Promise<void> => {
  await job();
  console.log(`ran ${name}, ${schedule}`);
};

Object.defineProperties(Deno, {
  openKv: { value: () => openKv(Deno.env.get("DATABASE")) },
  cron: { value: cron },
});
