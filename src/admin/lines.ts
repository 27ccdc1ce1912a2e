/** A line, and whether it had its end. */
export interface TextLine {
  readonly text: string;
  readonly isWhole: boolean;
}

/** The lines of a stream of text or UTF-8, however it is divided. */
export async function* linesOf(chunks: AsyncIterable<string | Uint8Array>): AsyncGenerator<TextLine, void, void> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for await (const chunk of chunks) {
    let text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      parts.push(text.slice(0, end));
      yield { text: parts.join(""), isWhole: true };
      parts = [];
      text = text.slice(end + 1);
    }
    if (text !== "") parts.push(text);
  }
  const rest = parts.join("") + decoder.decode();
  if (rest !== "") yield { text: rest, isWhole: false };
}
