/** What the demo's people meet about. */
export const MEETINGS = ["Roadmap", "Budget review", "Customer visit", "Hiring", "Release planning", "One-to-one", "Incident review", "Quarterly figures", "Design review", "Supplier call", "Training", "Team meeting"] as const;

/** Who calls from outside. */
export const CUSTOMERS = ["Miller Bakery", "North Harbour Ltd", "Dr. Lehmann", "City Library", "Grand Hotel", "Baker and Sons", "Green Valley School", "Sunrise Travel", "Oak Street Clinic", "Riverside Garage", "Lakeside Hospital", "Pine Furniture"] as const;
