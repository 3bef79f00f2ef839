// What programs print when they are asked for their version.

const PATTERNS = {
  // openjdk version "17.0.15" 2025-04-15; before Java 9 it was "1.8.0_392".
  java: /version "(?:1\.)?(\d+(?:\.\d+)*)/,
  maven: /Apache Maven (\d+(?:\.\d+)*)/,
  go: /go version go(\d+(?:\.\d+)*)/,
  redis: /Redis server v=(\d+(?:\.\d+)*)/,
  // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
  postgres: /\(PostgreSQL\) (\d+(?:\.\d+)*)/,
  docker: /Docker Compose version v?(\d+(?:\.\d+)*)/,
}

/** The version in what `tool` printed, as numbers; undefined when it printed something else. */
export function parseVersion(tool, text) {
  const [, found] = PATTERNS[tool].exec(text) ?? []
  return found?.split('.').map(Number)
}

/** Whether `version` is `minimum` or newer; both are lists of numbers, missing ones count as 0. */
export function isAtLeast(version, minimum) {
  for (let place = 0; place < Math.max(version.length, minimum.length); place++) {
    const difference = (version[place] ?? 0) - (minimum[place] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}
