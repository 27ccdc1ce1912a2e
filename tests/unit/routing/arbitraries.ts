import fc from "fast-check";

/** Topic Names over so few levels that filters often match them: empty ones, `$…`, and names that objects have. */
export const topics: fc.Arbitrary<string> = fc
  .array(fc.constantFrom("a", "b", "", "$", "$a", "__proto__"), { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join("/"))
  .filter((topic) => topic !== "");

/** Valid plain Topic Filters over the same levels. */
export const filters: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.constantFrom("a", "b", "", "$", "$a", "__proto__", "+", "+"), { maxLength: 5 }),
    fc.boolean(),
  )
  .map(([levels, open]) => (open ? [...levels, "#"] : levels).join("/"))
  .filter((filter) => filter !== "");
