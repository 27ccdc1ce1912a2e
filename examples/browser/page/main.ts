/// <reference lib="dom" />
/**
 * The page: a client of the broker, and both sides of its session drawn live.
 *
 * @module
 */
import "./require.ts";
import { Page } from "./page.ts";

new Page();
