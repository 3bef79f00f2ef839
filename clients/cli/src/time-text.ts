/** `HH:MM` of today, `YYYY-MM-DD HH:MM` of any other day, local time. */
export function timeText(ms: number, nowMs: number): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = (at: Date): string => `${String(at.getFullYear())}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const at = new Date(ms)
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`
  return date(at) === date(new Date(nowMs)) ? time : `${date(at)} ${time}`
}
