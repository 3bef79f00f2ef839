import { InvalidArgumentError } from 'commander'

/** Reads an option that counts something: 1, 2, 3, ... Throws commander's error for anything else. */
export function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('Write a whole number, 1 or more.')
  return Number(text)
}

/** Reads an option that is a number of a post, or 0: before the first. Throws commander's error for anything else. */
export function postNumber(text: string): number {
  if (!/^(0|[1-9][0-9]{0,14})$/.test(text)) throw new InvalidArgumentError('Write the number of a post, or 0.')
  return Number(text)
}

/** Reads an option that is a time to wait in seconds, or 0. Throws commander's error for anything else. */
export function secondsOrNone(text: string): number {
  if (!/^(0|[1-9][0-9]{0,5})$/.test(text)) throw new InvalidArgumentError('Write seconds, or 0.')
  return Number(text)
}
