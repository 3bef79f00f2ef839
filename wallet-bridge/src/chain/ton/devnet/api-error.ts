/** An answer of toncenter instead of a result: a code of HTTP with a sentence. */
export class ApiError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.name = 'ApiError'
    this.code = code
  }
}

/** The answer to parameters that the method does not take. */
export function invalidParams(problem: string): ApiError {
  return new ApiError(422, `Validation error: ${problem}`)
}
