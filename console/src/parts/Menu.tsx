// A button that opens a list of actions; arrows, Home, End and Escape do what they do in menus.
import { type ReactNode, useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";

export interface MenuItem {
	label: ReactNode;
	onSelect: () => void;
	disabled?: boolean;
	isDangerous?: boolean;
	title?: string;
	key: string;
}

interface Props {
	/** What the button shows. */
	children: ReactNode;
	label: string;
	items: readonly MenuItem[];
	className?: string;
	/** Above the items. */
	head?: ReactNode;
}

export function Menu({ children, label, items, className = "hw-icon-button", head }: Props) {
	const id = useId();
	const [isOpen, setIsOpen] = useState(false);
	const button = useRef<HTMLButtonElement>(null);
	const list = useRef<HTMLDivElement>(null);

	useLayoutEffect(() => {
		const panel = list.current;
		const from = button.current;
		if (!isOpen || !panel || !from) return;
		const place = from.getBoundingClientRect();
		const height = panel.offsetHeight;
		const below = place.bottom + 4 + height <= innerHeight || place.top < height;
		panel.style.top = `${Math.round(below ? place.bottom + 4 : place.top - height - 4)}px`;
		panel.style.left = `${Math.round(Math.max(8, Math.min(place.right - panel.offsetWidth, innerWidth - panel.offsetWidth - 8)))}px`;
		panel.querySelector<HTMLElement>("[role=menuitem]:not([aria-disabled=true])")?.focus();
	}, [isOpen]);

	useEffect(() => {
		if (!isOpen) return;
		const leave = (event: Event) => {
			const target = event.target as Node;
			if (!list.current?.contains(target) && !button.current?.contains(target)) setIsOpen(false);
		};
		const scrolled = () => setIsOpen(false);
		document.addEventListener("mousedown", leave);
		document.addEventListener("focusin", leave);
		addEventListener("resize", scrolled);
		addEventListener("scroll", scrolled, true);
		return () => {
			document.removeEventListener("mousedown", leave);
			document.removeEventListener("focusin", leave);
			removeEventListener("resize", scrolled);
			removeEventListener("scroll", scrolled, true);
		};
	}, [isOpen]);

	function onKey(event: React.KeyboardEvent) {
		const all = [...(list.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
		const at = all.indexOf(document.activeElement as HTMLElement);
		const to: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
		const next = to[event.key];
		if (next !== undefined) {
			event.preventDefault();
			all[(next + all.length) % all.length]?.focus();
		} else if (event.key === "Escape" || event.key === "Tab") {
			if (event.key === "Escape") event.preventDefault();
			event.stopPropagation();
			setIsOpen(false);
			button.current?.focus();
		}
	}

	return (
		<>
			<button
				ref={button}
				type="button"
				className={className}
				aria-haspopup="menu"
				aria-expanded={isOpen}
				aria-controls={isOpen ? id : undefined}
				aria-label={label}
				title={label}
				onClick={() => setIsOpen(!isOpen)}
				onKeyDown={(event) => {
					if (event.key === "ArrowDown" && !isOpen) {
						event.preventDefault();
						setIsOpen(true);
					}
				}}
			>
				{children}
			</button>
			{isOpen &&
				createPortal(
					<div ref={list} className="hw-menu-list">
						{head && <div className="hw-menu-list__head">{head}</div>}
						<div id={id} role="menu" tabIndex={-1} aria-label={label} onKeyDown={onKey}>
							{items.map((item) => (
								<button
									key={item.key}
									type="button"
									role="menuitem"
									tabIndex={-1}
									className={`hw-menu-list__item${item.isDangerous ? " hw-menu-list__item--danger" : ""}`}
									aria-disabled={item.disabled || undefined}
									title={item.title}
									onClick={() => {
										if (item.disabled) return;
										setIsOpen(false);
										button.current?.focus();
										item.onSelect();
									}}
								>
									{item.label}
								</button>
							))}
						</div>
					</div>,
					document.body,
				)}
		</>
	);
}
