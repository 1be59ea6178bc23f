/** What an operator may choose about the merge (`presence` in the configuration). */
export interface MergeSettings {
  /** The source that wins over everything but a call, a person's own choice and do-not-disturb. */
  readonly primarySource: "calendar" | "api" | "publish" | "none";
  /** What a ringing call makes of a person. */
  readonly early: "ringing" | "busy" | "ignore";
  /** Where `basic` comes from: see `reachability`, or the winner's own. */
  readonly basicFrom: "reachability" | "winner";
}
