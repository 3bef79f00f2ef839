/** How a picture is turned, as Exif says it: 1 as it is, 2 to 8 turned or mirrored. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** Bytes of a header and of an entry of a directory of TIFF 6.0, section 2. */
const HEADER_BYTES = 8
const ENTRY_BYTES = 12
/** TIFF 6.0: tag Orientation, and type SHORT. */
const ORIENTATION = 0x0112
const SHORT = 3

/** What the Exif data of a picture (a TIFF structure) say of its orientation; 1 where they say nothing, or are none. */
export function orientationOf(exif: Uint8Array): Orientation {
  if (exif.length < HEADER_BYTES) return 1
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength)
  const isLittle = view.getUint16(0) === 0x4949
  if ((!isLittle && view.getUint16(0) !== 0x4d4d) || view.getUint16(2, isLittle) !== 42) return 1
  const directory = view.getUint32(4, isLittle)
  if (directory + 2 > exif.length) return 1
  const count = view.getUint16(directory, isLittle)
  for (let at = directory + 2, entry = 0; entry < count && at + ENTRY_BYTES <= exif.length; entry++, at += ENTRY_BYTES) {
    if (view.getUint16(at, isLittle) === ORIENTATION && view.getUint16(at + 2, isLittle) === SHORT) return asOrientation(view.getUint16(at + 8, isLittle))
  }
  return 1
}

/** Exif data that say the orientation and nothing else. */
export function exifOf(orientation: Orientation): Uint8Array<ArrayBuffer> {
  const exif = new Uint8Array(HEADER_BYTES + 2 + ENTRY_BYTES + 4)
  const view = new DataView(exif.buffer)
  view.setUint16(0, 0x4d4d)
  view.setUint16(2, 42)
  view.setUint32(4, HEADER_BYTES)
  view.setUint16(HEADER_BYTES, 1)
  view.setUint16(HEADER_BYTES + 2, ORIENTATION)
  view.setUint16(HEADER_BYTES + 4, SHORT)
  view.setUint32(HEADER_BYTES + 6, 1)
  view.setUint16(HEADER_BYTES + 10, orientation)
  return exif
}

function asOrientation(value: number): Orientation {
  // In this range it is one of them.
  return Number.isInteger(value) && value >= 1 && value <= 8 ? value as Orientation : 1
}
