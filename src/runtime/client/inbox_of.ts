/** The session of what came in: no Client Identifier holds U+0000, so it is nobody else's. */
export function inboxOf(clientId: string): string {
  return `${clientId}\u0000inbox`;
}
