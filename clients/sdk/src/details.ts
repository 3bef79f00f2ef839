export { mayHoldDetails, plainFile, type PlainFile, type SeekableFile } from './details/plain-file.js'
export type { Part, Piece } from './details/parts.js'
