/** How a request ended. */
export type RequestStatus = 'accepted' | 'declined' | 'blocked'
