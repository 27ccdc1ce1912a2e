/**
 * Whether a topic matches a Topic Filter ([MQTT-4.7.1-1] to [MQTT-4.7.3-4]), without taking either apart: the oracle asks
 * this for every copy and every subscription.
 */
export function topicMatches(filter: string, topic: string): boolean {
  const first = filter.charCodeAt(0);
  // Neither wildcard at the start matches a topic that begins with `$`.
  if (topic.charCodeAt(0) === DOLLAR && (first === PLUS || first === HASH)) return false;
  let inTopic = 0;
  for (let index = 0; index < filter.length; index++) {
    const wanted = filter.charCodeAt(index);
    if (wanted === HASH) return true;
    if (wanted === PLUS) {
      while (inTopic < topic.length && topic.charCodeAt(inTopic) !== SLASH) inTopic++;
      continue;
    }
    // `a/#` also matches `a`.
    if (inTopic === topic.length) return wanted === SLASH && filter.length === index + 2 && isHash(filter, index + 1);
    if (topic.charCodeAt(inTopic) !== wanted) return false;
    inTopic++;
  }
  return inTopic === topic.length;
}

function isHash(filter: string, index: number): boolean {
  return filter.charCodeAt(index) === HASH;
}

const HASH = 35;
const DOLLAR = 36;
const PLUS = 43;
const SLASH = 47;
