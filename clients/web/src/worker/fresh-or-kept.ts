/** Answers that say of the server that it cannot give the page now, and nothing of the page: of the server itself, or of what stands before it. */
function isAway({ status }: Response): boolean {
  return status >= 500 || status === 429
}

/** The page as the server has it now; as it was kept when the server does not answer in time, or something before it answers in its place. Rejects as `ask` does where nothing is kept. */
export async function freshOrKept(ask: () => Promise<Response>, kept: () => Promise<Response | undefined>): Promise<Response> {
  let answer: Response | undefined
  try {
    answer = await ask()
  } catch (error) {
    // Offline, or as good as.
    const known = await kept()
    if (known === undefined) throw error
    return known
  }
  return isAway(answer) ? await kept() ?? answer : answer
}
