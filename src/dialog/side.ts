/** Who of the two sent something. */
export type Side = "caller" | "callee";

/** The other of the two. */
export function otherSide(side: Side): Side {
  return side === "caller" ? "callee" : "caller";
}
