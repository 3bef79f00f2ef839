export { mayHoldDetails, plainFile, type PlainFile } from './details/plain-file.js'
export type { SeekableFile } from './details/seekable-file.js'
export type { Part, Piece } from './details/parts.js'
