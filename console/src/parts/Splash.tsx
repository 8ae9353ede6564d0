// What is shown before it is known what to show.
import type { ReactNode } from "react";

export function Splash({ children }: { children?: ReactNode }) {
	return (
		<main className="hw-splash" aria-busy={!children}>
			<img src="/favicon.svg" alt="Headwater" width="44" height="44" />
			{children}
		</main>
	);
}
