// A word in a coloured box.
import type { ReactNode } from "react";
import type { Tone } from "./StateDot";

export function Tag({
	tone = "idle",
	children,
	title,
}: {
	tone?: Tone | "brand";
	children: ReactNode;
	title?: string;
}) {
	return (
		<span className={`hw-tag hw-tag--${tone}`} title={title}>
			{children}
		</span>
	);
}
