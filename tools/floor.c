/*
 * A program that does nothing. src/meson.build links it with the whole of one room and the rooms
 * that this one may use, so that a call upwards or sideways is an undefined symbol.
 */
int main(void)
{
	return 0;
}
