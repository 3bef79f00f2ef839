import { plainFile } from '@evegram/sdk/details'

/** A file of this browser without what it says of where, when and by what it was made, as `plainFile` of the SDK has it; the same one where there is nothing of that. Rejects `files.keeps_details`. */
export async function withoutDetails(file: File): Promise<File> {
  const plain = await plainFile({ size: file.size, read: async (from, to) => new Uint8Array(await file.slice(from, to).arrayBuffer()) })
  if (plain === undefined) return file
  return new File(plain.pieces.map((piece) => (piece instanceof Uint8Array ? piece : file.slice(piece.from, piece.to))), file.name, { type: plain.type })
}
