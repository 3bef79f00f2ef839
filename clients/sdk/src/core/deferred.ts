/** A promise that is settled from outside. A rejection that nobody waits for is no fault. */
export class Deferred<Value> {
  readonly promise: Promise<Value>
  #resolve: (value: Value) => void = () => undefined
  #reject: (error: Error) => void = () => undefined

  constructor() {
    this.promise = new Promise<Value>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.promise.catch(() => undefined)
  }

  resolve(value: Value): void {
    this.#resolve(value)
  }

  reject(error: Error): void {
    this.#reject(error)
  }
}
